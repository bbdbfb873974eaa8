// Writes the package's declarations, one file for each entry point. `npm run build` compiles its code.
import { dts } from "rollup-plugin-dts";

export default {
  input: {
    index: "src/index.ts",
    components: "src/components/index.ts",
    "policy-pack": "src/policy-pack/index.ts",
  },
  output: { dir: "types" },
  plugins: [dts({ compilerOptions: { paths: {}, stripInternal: true } })],
};
