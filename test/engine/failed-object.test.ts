import assert from "node:assert/strict";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { engineProject } from "../support/engine-project";

describe("an up with --continue-on-error in which an object fails", function () {
  this.timeout(300_000);
  const opened = engineProject("cart");

  it("deletes nothing that the running release uses, and keeps the state valid", async () => {
    const { applications, rendered } = opened();
    await applications.get("cart")?.publish({ version: "1.1.0", message: "The second release" });
    const up = () => opened().pulumi("up", "--stack", "prod", "--yes", "--skip-preview", "--continue-on-error");
    const deploy = async (version: string) => {
      const tenant = [`tag: "${version}"`, 'policy: { range: ">=1.0.0" }'];
      await opened().decide({ cart: tenant }, [], { "tenants/cart/values.yaml": `release: "${version}"\n` });
      return up();
    };
    const first = await deploy("1.0.0");
    assert.equal(first.code, 0, first.output);
    const before = opened().files();
    // A folder in place of the file: the provider cannot write the new source.
    const source = before.find((file) => file.includes("gitrepository-flux-system-cart-1.0.0")) ?? "";
    const obstacle = source.replace("1.0.0", "1.1.0");
    mkdirSync(join(rendered, obstacle));

    const { code, output } = await deploy("1.1.0");

    assert.notEqual(code, 0, output);
    assert.match(output, /At least one object failed\. This run therefore deletes nothing/);
    const now = opened().files();
    assert.deepEqual(
      before.filter((file) => !now.includes(file)),
      [],
    );
    rmSync(join(rendered, obstacle), { recursive: true });
    const third = await up();
    assert.equal(third.code, 0, third.output);
    assert.ok(!opened().files().includes(source));
  });
});
