import js from "@eslint/js";
import tseslint from "typescript-eslint";

/** The rooms in the order in which data flows. A room imports only itself and the rooms before it. */
const rooms = ["version", "fleet", "release", "manifests", "components", "policy-pack", "cli", "lab"];

/** What `room` may not import: every room after it. `components` and `policy-pack` do not know each other. */
function roomsClosedTo(room) {
  const later = rooms.slice(rooms.indexOf(room) + 1);
  return room === "policy-pack" ? [...later, "components"] : later;
}

export default tseslint.config(
  { ignores: ["**/node_modules/", "rendered/", "bench/out/", "test/golden/", "test/fixtures/"] },
  js.configs.recommended,
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/switch-exhaustiveness-check": "error",
    },
  },
  {
    files: ["**/*.js"],
    languageOptions: {
      sourceType: "commonjs",
      globals: { require: "readonly", module: "writable", __dirname: "readonly", process: "readonly" },
    },
  },
  ...rooms.map((room) => ({
    files: [`${room}/**/*.ts`],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: roomsClosedTo(room).map((other) => ({
            group: [`**/${other}/*`, `**/${other}`],
            message: `${room}/ may import only the rooms before it; ${other}/ comes later.`,
          })),
        },
      ],
    },
  })),
  {
    files: ["test/**/*.ts"],
    rules: { "@typescript-eslint/no-unused-expressions": "off", "@typescript-eslint/no-non-null-assertion": "off" },
  },
);
