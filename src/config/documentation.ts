/** The address of a page of the documentation, which a user's repository does not have. */
export function documentation(page: string): string {
  return `https://github.com/shared-authority/shared-authority/blob/main/docs/${page}`;
}
