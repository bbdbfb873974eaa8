export { deploy } from "./program/deploy";
