/** What of an engine's report the policies say: the lines from the first violation on, less the outputs and the summary. */
export function policyMessage(report: string): string {
  return report;
}
