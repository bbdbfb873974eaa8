import js from "@eslint/js";
import tseslint from "typescript-eslint";

/** The folders of the product in the order of imports: a folder imports only itself and the folders before it. */
const folders = [
  "src/version",
  "src/config",
  "src/release",
  "src/publish",
  "src/git-host",
  "src/manifests",
  "src/components",
  "src/policy-pack",
  "src/program",
  "src/report",
  "src/preview",
  "src/cli",
  "demo",
  "test",
];

/** What `folder` may not import: every folder after it. `src/components` and `src/policy-pack` do not know each other. */
function closedTo(folder) {
  const later = folders.slice(folders.indexOf(folder) + 1);
  return folder === "src/policy-pack" ? [...later, "src/components"] : later;
}

export default tseslint.config(
  {
    ignores: [
      "**/node_modules/",
      "dist/",
      "types/",
      "rendered/",
      "test/bench/out/",
      "test/golden/",
      "test/fixtures/",
      "test/cases/",
    ],
  },
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
  // Its own tsconfig.json, for Pulumi, hides the types that it imports. `npm run typecheck` checks them.
  { files: ["policy-pack/index.ts", "template/policy-pack/index.ts"], extends: [tseslint.configs.disableTypeChecked] },
  {
    files: ["**/*.js"],
    languageOptions: {
      sourceType: "commonjs",
      globals: { require: "readonly", module: "writable", __dirname: "readonly", process: "readonly" },
    },
  },
  ...folders.map((folder) => ({
    files: [`${folder}/**/*.ts`],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: closedTo(folder).map((other) => ({
            // From the top of the folders: `config/report` is a file.
            regex: `^(?:\\.\\./)+(?:src/)?${other.split("/").at(-1)}(?:/|$)`,
            message: `${folder}/ may import only the folders before it; ${other}/ comes later.`,
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
