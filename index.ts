import { deploy } from "shared-authority";

// Pulumi calls the function that is the module's export.
export { deploy as "module.exports" };
