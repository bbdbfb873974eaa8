/** A stack file of tenants that Flux promotes, for histories of their tags. */
export function taggedTenants(
  tags: Readonly<Record<string, string>>,
  { automation, bot }: { readonly automation: string; readonly bot: boolean },
): string[] {
  const author = bot ? ", author: {name: Bot, email: bot@example.com}" : "";
  return [
    "config:",
    "  shared-authority:follow: tags",
    `  shared-authority:configRepository: {url: https://git.example.com/shared, branch: main${author}}`,
    "  shared-authority:tenants:",
    ...Object.entries(tags).flatMap(([name, tag]) => [
      `    ${name}:`,
      `      repository: https://git.example.com/${name}`,
      "      chart: ./chart",
      `      image: registry.example.com/${name}`,
      "      branch: main",
      "      releasedFrom: [main]",
      `      tag: "${tag}" # {"$imagepolicy": "flux-system:${name}:tag"}`,
      `      policy: {range: ">=1.0.0", automation: ${automation}}`,
    ]),
  ];
}
