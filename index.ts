import { deploy } from "./src/program/deploy";

export = deploy;
