import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { environment: "jsdom", include: ["test/**/*.test.js"], setupFiles: ["test/shared/browser_parts.js"] },
});
