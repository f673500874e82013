// What hosts do otherwise: how they say light or dark, and where in the page they put a widget.

import { afterEach, describe, expect, it } from "vitest";
import { focusedBy } from "../../src/shared/dom.js";
import { currentTheme, followTheme } from "../../src/shared/theme.js";

afterEach(() => {
  for (const root of [document.body, document.documentElement]) for (const name of root.getAttributeNames()) root.removeAttribute(name);
});

describe("light or dark", () => {
  it.each([
    ["JupyterLab and Notebook", "body", "data-jp-theme-light", "false", "dark"],
    ["JupyterLab and Notebook", "body", "data-jp-theme-light", "true", "light"],
    ["VS Code", "body", "data-vscode-theme-kind", "vscode-dark", "dark"],
    ["VS Code", "body", "data-vscode-theme-kind", "vscode-light", "light"],
    ["VS Code", "body", "data-vscode-theme-kind", "vscode-high-contrast", "dark"],
    ["VS Code", "body", "data-vscode-theme-kind", "vscode-high-contrast-light", "light"],
    ["marimo", "body", "data-theme", "dark", "dark"],
    ["Furo, left to the system", "body", "data-theme", "auto", "light"],
    ["Colab", "html", "theme", "dark", "dark"],
    ["nothing is said", "html", "class", "", "light"],
  ])("%s: <%s %s=%s> is %s", (_, root, name, value, theme) => {
    document.querySelector(root)?.setAttribute(name, value);
    expect(currentTheme()).toBe(theme);
  });

  it("is followed when the host changes it", async () => {
    const target = document.createElement("div");
    const stop = followTheme(target);
    for (const theme of ["dark", "light"]) {
      document.body.dataset.theme = theme;
      await new Promise((resolve) => setTimeout(resolve));
      expect(target.dataset.theme).toBe(theme);
    }
    stop();
  });
});

describe("a shadow root, as marimo has it around each widget", () => {
  it("does not hide what has the keyboard", () => {
    const host = document.createElement("div");
    document.body.append(host);
    const inside = document.createElement("button");
    host.attachShadow({ mode: "open" }).append(inside);
    const outside = document.createElement("button");
    document.body.append(outside);
    inside.focus();
    expect([document.activeElement, focusedBy(inside), focusedBy(outside)]).toEqual([host, inside, host]);
  });
});
