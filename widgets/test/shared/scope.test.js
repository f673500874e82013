import { describe, expect, it } from "vitest";
import { scopeStyles, selectors } from "../../scope.mjs";

describe("a style sheet of one kind", () => {
  it("matches within its root only, with the same weight", () => {
    const css = '/* a */\n.dx-root,\n.dx-root dt {\n  color: red;\n}\n.dx-x:is(.a, .b) > li,\nbutton.dx-y {\n  content: "}";\n}\n';
    expect(scopeStyles(css, "dx-k")).toBe(
      '/* a */\n.dx-root:where(.dx-k),\n.dx-root:where(.dx-k) dt {\n  color: red;\n}\n:where(.dx-k) .dx-x:is(.a, .b) > li,\n:where(.dx-k) button.dx-y {\n  content: "}";\n}\n',
    );
  });

  it("also where rules are conditional; frames of an animation have no selectors", () => {
    const css = "@media print {\n  .dx-k .a {\n    top: 0;\n  }\n}\n@keyframes b {\n  from {\n    top: 0;\n  }\n}\n";
    expect(scopeStyles(css, "dx-k")).toBe(
      "@media print {\n  .dx-k:where(.dx-k) .a {\n    top: 0;\n  }\n}\n@keyframes b {\n  from {\n    top: 0;\n  }\n}\n",
    );
    expect(scopeStyles(".dx-kind {}", "dx-k")).toBe(":where(.dx-k) .dx-kind {}");
  });

  it("splits selectors outside of brackets", () => {
    expect(selectors("a:is(b, c), [d=','] ,e")).toEqual(["a:is(b, c)", "[d=',']", "e"]);
  });
});
