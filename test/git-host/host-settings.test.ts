import assert from "node:assert/strict";
import { hostSettings, pipelinePullRequest, pipelineRun } from "../../src/git-host/host-settings";

const gitHub = { GITHUB_REPOSITORY: "acme/shared", GITHUB_TOKEN: "workflow" };
const gitLab = { CI_API_V4_URL: "https://gitlab.example.com/api/v4", CI_PROJECT_ID: "7", GITLAB_TOKEN: "token" };

describe("hostSettings", () => {
  const read = (env: Record<string, string>) => {
    const { api, graphql, ...rest } = hostSettings(env);
    return { ...rest, api: api.href, graphql: graphql?.href };
  };

  it("reads what GitHub Actions sets, and takes GH_TOKEN before the workflow's own", () => {
    const expected = {
      kind: "github",
      repository: "acme/shared",
      token: "workflow",
      api: "https://api.github.com/",
      graphql: "https://api.github.com/graphql",
    };
    assert.deepEqual(read(gitHub), expected);
    assert.deepEqual(read({ ...gitHub, GH_TOKEN: "app" }), { ...expected, token: "app" });
    assert.deepEqual(read({ ...gitHub, GH_TOKEN: "" }), expected);
    const own = read({ ...gitHub, GITHUB_API_URL: "https://git.example.com/api/v3" });
    assert.deepEqual([own.api, own.graphql], ["https://git.example.com/api/v3", "https://git.example.com/api/graphql"]);
  });

  it("reads what GitLab CI sets", () => {
    const expected = { kind: "gitlab", repository: "7", token: "token", api: gitLab.CI_API_V4_URL, graphql: undefined };
    assert.deepEqual(read(gitLab), expected);
  });

  it("says what is missing or wrong, without a token", () => {
    const cases: readonly (readonly [env: Record<string, string>, message: RegExp])[] = [
      [{}, /names no Git host.*set GITHUB_REPOSITORY \(owner\/name\) and GH_TOKEN, or CI_API_V4_URL/],
      [{ ...gitHub, ...gitLab }, /names two Git hosts: GITHUB_REPOSITORY \(GitHub\) and CI_API_V4_URL/],
      [
        { GITHUB_REPOSITORY: "acme/shared" },
        /^The environment variable GH_TOKEN or GITHUB_TOKEN is not set\. .*App's token/,
      ],
      [{ ...gitHub, GITHUB_REPOSITORY: "acme/../x" }, /GITHUB_REPOSITORY is "acme\/\.\.\/x", must be owner\/name/],
      [
        { ...gitHub, GH_TOKEN: "broken\nlines" },
        /^The token in GH_TOKEN or GITHUB_TOKEN has a character that no token has\.$/,
      ],
      [
        { ...gitHub, GITHUB_API_URL: "ftp://x" },
        /GITHUB_API_URL must be an address with https:\/\/ and without credentials/,
      ],
      [{ ...gitLab, GITLAB_TOKEN: "" }, /GITLAB_TOKEN is not set\. .*scope `api`/],
      [{ ...gitLab, CI_API_V4_URL: "https://a:b@x/" }, /CI_API_V4_URL must be an address .*without credentials/],
      [{ CI_API_V4_URL: gitLab.CI_API_V4_URL, GITLAB_TOKEN: "x" }, /CI_PROJECT_ID is not set/],
    ];
    for (const [env, message] of cases) {
      assert.throws(
        () => hostSettings(env),
        (error: Error) => {
          assert.match(error.message, message);
          assert.doesNotMatch(error.message, /workflow$|broken|a:b/);
          return true;
        },
      );
    }
  });
});

describe("a pipeline", () => {
  it("names its pull request and its run", () => {
    assert.equal(pipelinePullRequest({ GITHUB_REF: "refs/pull/12/merge" }), 12);
    assert.equal(pipelinePullRequest({ GITHUB_REF: "refs/heads/main" }), undefined);
    assert.equal(pipelinePullRequest({ CI_MERGE_REQUEST_IID: "7" }), 7);
    const run = { GITHUB_SERVER_URL: "https://github.com", GITHUB_REPOSITORY: "acme/shared", GITHUB_RUN_ID: "5" };
    assert.equal(pipelineRun(run), "https://github.com/acme/shared/actions/runs/5");
    assert.equal(
      pipelineRun({ CI_JOB_URL: "https://gitlab.example.com/a/-/jobs/1" }),
      "https://gitlab.example.com/a/-/jobs/1",
    );
    assert.equal(pipelineRun({ CI_JOB_URL: "https://x/) [y](z" }), undefined);
    assert.equal(pipelineRun({}), undefined);
  });
});
