import assert from "node:assert/strict";
import { join } from "node:path";
import { git } from "../../demo/git";
import { temporaryDirectory } from "../support/directory";
import { type HostedRepository, type HostEvent, StandInHost } from "../support/git-host/stand-in";

const ana = { login: "ana", token: "ana-token" };
const app = { login: "authority[bot]", token: "app-token", isApp: true, pushesToMain: true };
const workflow = { login: "github-actions[bot]", token: "workflow-token", isApp: true, startsWorkflows: false };
const reader = { login: "reader", token: "reader-token", writes: false };
const name = "acme/shared";

/** What the tests of pipelines rely on, as it is on the real hosts. */
describe("the stand-in for a Git host", () => {
  const directory = temporaryDirectory();
  let host: StandInHost;
  let repository: HostedRepository;
  let started: HostEvent[];

  beforeEach(async () => {
    started = [];
    const onEvent = (event: HostEvent) => void started.push(event);
    host = await StandInHost.start({
      kind: "github",
      directory: directory(),
      users: [ana, app, workflow, reader],
      onEvent,
    });
    repository = await host.createRepository(name);
    await git({ directory: directory() }, "clone", "--quiet", host.cloneUrl(name), "work");
    await push("main", ana.token);
  });
  afterEach(() => host.close());

  const work = (...args: string[]) => git({ directory: join(directory(), "work") }, ...args);

  async function push(ref: string, token: string): Promise<void> {
    await work("commit", "--quiet", "--allow-empty", "-m", `For ${ref}`);
    await work("push", "--quiet", "--force", host.cloneUrl(name, token), `HEAD:refs/heads/${ref}`);
  }

  async function api(method: string, path: string, token: string, body: object = {}): Promise<number> {
    const headers = { authorization: `Bearer ${token}` };
    const text = method === "GET" ? undefined : JSON.stringify(body);
    return (await fetch(`${host.url}/api/v3${path}`, { method, headers, body: text })).status;
  }

  const kinds = () => started.map((event) => (event.kind === "push" ? event.ref : event.action));

  it("starts workflows for a push, a pull request and a merge, but not with the workflow's own token", async () => {
    await push("feature", app.token);
    const texts = { title: "Feature", body: "", base: "main", head: "feature" };
    assert.equal(await api("POST", `/repos/${name}/pulls`, app.token, texts), 201);
    await push("feature", workflow.token);
    await push("other", workflow.token);
    assert.equal(await api("POST", `/repos/${name}/pulls`, workflow.token, { ...texts, head: "other" }), 201);
    assert.equal(await api("PUT", `/repos/${name}/pulls/1/merge`, ana.token), 200);
    await host.idle();
    assert.deepEqual(kinds(), ["refs/heads/main", "refs/heads/feature", "opened", "refs/heads/main", "closed"]);
    assert.equal(host.events.filter(({ startsWorkflows }) => !startsWorkflows).length, 4);
    assert.equal(await repository.git("log", "-1", "--format=%s", "main"), "Merge pull request #1 from feature");
  });

  it("refuses wrong tokens, those that only read, and pushes to main", async () => {
    assert.equal(await api("GET", `/repos/${name}/pulls`, "wrong"), 401);
    assert.equal(await api("POST", `/repos/${name}/issues`, reader.token, { title: "x", body: "" }), 403);
    assert.equal(await api("GET", "/user", app.token), 403);
    await assert.rejects(push("feature", "wrong"), /Authentication failed|could not read/);
    await assert.rejects(push("feature", reader.token), /403/);
    await assert.rejects(push("main", ana.token), /Protected branch update failed/);
    await push("main", app.token);
  });

  it("closes a pull request with its branch, and opens none again whose branch has moved", async () => {
    await push("feature", ana.token);
    const body = { title: "Feature", body: "", base: "main", head: "feature" };
    assert.equal(await api("POST", `/repos/${name}/pulls`, ana.token, body), 201);
    assert.equal(await api("POST", `/repos/${name}/pulls`, ana.token, body), 422);
    await work("push", "--quiet", host.cloneUrl(name, ana.token), ":refs/heads/feature");
    assert.equal(repository.pullRequests[0]?.state, "closed");
    await push("feature", ana.token);
    assert.equal(await api("PATCH", `/repos/${name}/pulls/1`, ana.token, { state: "open" }), 422);
    assert.equal(await api("PUT", `/repos/${name}/pulls/1/merge`, ana.token), 405);
  });
});
