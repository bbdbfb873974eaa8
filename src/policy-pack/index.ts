export type { Policy } from "./define-policy";
export { policies } from "./policies";
