import { deploy } from "shared-authority";

export = deploy;
