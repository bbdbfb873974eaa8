/** The environment variable that allows an `up` of what is not committed and pushed; its value is the reason. */
export const emergencyVariable = "SHARED_AUTHORITY_EMERGENCY";

/** More characters than a reason needs. */
const longestReason = 500;

/**
 * The reason of an emergency, on one line without control characters, at most 500 characters. `undefined`: there is none.
 *
 * The program and the policy pack both read it here, because the program writes it into the objects that the pack judges.
 */
export function emergencyReason(environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const given = environment[emergencyVariable] ?? "";
  // Control and format characters (such as bidirectional overrides), separators, unpaired surrogates, invisible fillers.
  const line = given.replace(/[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]+/gu, " ").trim();
  return line === "" ? undefined : Array.from(line).slice(0, longestReason).join("").trim();
}
