import assert from "node:assert/strict";
import fc from "fast-check";
import type { KubernetesObject } from "../../src/manifests/object";
import { stackObjects } from "../../src/manifests/stack-objects";
import type { ResolvedStack } from "../../src/release/resolve";
import { judgeObjects } from "../../src/policy-pack/judge";
import { policies } from "../../src/policy-pack/policies";
import { GoldenWorld, readCases } from "../manifests/golden-cases";

async function violationsOf({ config }: ResolvedStack, objects: readonly KubernetesObject[]) {
  const violations = await judgeObjects(objects, policies, config);
  return violations.filter(({ enforcement }) => enforcement === "mandatory").map(({ message }) => message);
}

type Node = Record<string, unknown> | unknown[];
type Path = readonly (string | number)[];

/** Every map and list of an object, with its path. */
function* nodesOf(value: unknown, path: Path = []): Generator<{ path: Path; node: Node }> {
  if (typeof value !== "object" || value === null) return;
  yield { path, node: value as Node };
  for (const [key, inner] of Object.entries(value)) {
    yield* nodesOf(inner, [...path, Array.isArray(value) ? Number(key) : key]);
  }
}

/** How a program could differ from what was decided: given the objects and a source of numbers, other objects. */
type Mutation = (objects: KubernetesObject[], choose: (below: number) => number) => string;

const any = <T>(list: readonly T[], choose: (below: number) => number): T => list[choose(list.length)]!;

function changed(value: unknown): unknown {
  if (typeof value === "string") return `${value}x`;
  if (typeof value === "number") return value + 1;
  return typeof value === "boolean" ? !value : null;
}

const mutations: Readonly<Record<string, Mutation>> = {
  drop: (objects, choose) => {
    const [object] = objects.splice(choose(objects.length), 1);
    return `no ${object!.kind} ${object!.metadata.name}`;
  },
  double: (objects, choose) => {
    const object = any(objects, choose);
    objects.splice(choose(objects.length + 1), 0, structuredClone(object));
    return `${object.kind} ${object.metadata.name} twice`;
  },
  doubleInAnotherVersion: (objects, choose) => {
    const object = structuredClone(any(objects, choose)) as { apiVersion: string } & KubernetesObject;
    object.apiVersion += "beta1";
    objects.splice(choose(objects.length + 1), 0, object);
    return `${object.kind} ${object.metadata.name} in ${object.apiVersion} as well`;
  },
  change: (objects, choose) => mutate(objects, choose, (node, key) => (node[key] = changed(node[key]))),
  remove: (objects, choose) => mutate(objects, choose, (node, key) => Reflect.deleteProperty(node, key)),
  add: (objects, choose) =>
    mutate(objects, choose, (node) => (Array.isArray(node) ? node.push("x") : (node.added = { x: [true] }))),
  repeat: (objects, choose) =>
    mutate(objects, choose, (node, key) =>
      Array.isArray(node) ? node.push(node[Number(key)]) : (node.again = node[key]),
    ),
};

/** Changes one map or list of one object, at one of its keys. */
function mutate(
  objects: KubernetesObject[],
  choose: (below: number) => number,
  change: (node: Record<string, unknown>, key: string) => unknown,
): string {
  const object = any(objects, choose);
  const nodes = [...nodesOf(object)].filter(({ node }) => Object.keys(node).length > 0);
  const { path, node } = any(nodes, choose);
  // Without these the harness has nothing to register.
  const keys = Object.keys(node).filter((key) => path.length > 0 || !["apiVersion", "kind", "metadata"].includes(key));
  if (keys.length === 0) return mutate(objects, choose, change);
  const key = any(keys, choose);
  change(node as Record<string, unknown>, key);
  return `${object.kind} ${object.metadata.name}: ${[...path, key].join(".")}`;
}

describe("the golden cases, judged by the policy pack", function () {
  this.timeout(120_000);
  let world: GoldenWorld;

  before(async () => {
    world = await GoldenWorld.create();
  });

  after(() => world.end());

  for (const one of readCases()) {
    describe(one.name, () => {
      it("passes as the program makes it", async () => {
        const resolved = await world.resolve(one);
        const objects = Array.from(stackObjects(resolved), ({ object }) => object);
        assert.deepEqual(await violationsOf(resolved, objects), []);
      });

      // A stack that follows a branch has no lock.
      if (one.given[`Pulumi.${one.stack}.yaml`]?.includes("follow: tags") === true)
        it("passes with no evidence but the lock's", async () => {
          const resolved = await world.resolve(one);
          const locked = resolved.tenants.filter(({ source }) => source === "lock");
          assert.ok(locked.length > 0);
          const forged = resolved.tenants.map((tenant) => ({
            ...tenant,
            evidence: tenant.evidence && {
              ...tenant.evidence,
              commit: "d".repeat(40),
              chartDigest: `sha256:${"d".repeat(64)}`,
            },
          }));
          const objects = Array.from(stackObjects({ ...resolved, tenants: forged }), ({ object }) => object);
          const violations = await violationsOf(resolved, objects);
          assert.ok(violations.length >= locked.length);
          assert.match(violations.join("\n"), /shared-authority\/(?:commit|chart-digest) is ".*d+", must be /);
        });

      it("passes in no other form", async () => {
        const resolved = await world.resolve(one);
        const objects = Array.from(stackObjects(resolved), ({ object }) => object);
        const mutation = fc.constantFrom(...Object.keys(mutations));
        await fc.assert(
          fc.asyncProperty(mutation, fc.infiniteStream(fc.nat()), async (name, numbers) => {
            // Objects share their labels; a program that changes one changes one.
            const copy = JSON.parse(JSON.stringify(objects)) as KubernetesObject[];
            const what = mutations[name]!(copy, (below) => Number(numbers.next().value) % below);
            const violations = await violationsOf(resolved, copy);
            assert.ok(violations.length > 0, `${name}: ${what}`);
          }),
          { numRuns: 100 },
        );
      });
    });
  }
});
