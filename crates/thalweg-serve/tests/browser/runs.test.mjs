// Runs and sweeps in a real browser: listed, drawn, and seen to grow.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { browser, open, screenshots, serve } from "./harness.mjs";

const program = process.env.THALWEG;
after(() => browser.close());

const SWEEP = `seeds = 2
[base]
learning_rate = 0.01
batch = 10
steps = 2000
[base.problem]
depth = 2
input_covariance = [[1, 0], [0, 1]]
teacher = [[1, 0], [0, 1]]
noise_standard_deviations = [1, 0.5]
[[axes]]
path = 'problem.depth'
values = [2, 3, 4]
[[axes]]
path = 'batch'
values = [1, 10, 100]
`;

test("runs are compared, a sweep fills up, a report opens in its box", async () => {
  const folder = mkdtempSync(join(tmpdir(), "thalweg-"));
  const run = (...given) => execFileSync(program, given, { cwd: folder, stdio: ["ignore", "pipe", "pipe"], encoding: "utf8" });
  const simulate = (noise, out) => run("simulate", "--depth", "2", "--noise", noise, "--learning-rate", "0.01", "--batch", "10", "--steps", "20000", "--seeds", "8", "--out", out);
  simulate("1,0.2", "unequal");
  run("report", "unequal");
  writeFileSync(join(folder, "sweep.toml"), SWEEP);
  run("sweep", "run", "sweep.toml", "--out", "store", "--cell", "4");

  const server = await serve(folder);
  const { page, context, complaints, elsewhere } = await open(new URL("/runs", server.url).href);
  await page.getByLabel("unequal simulation").check();
  await page.waitForFunction(() => document.querySelectorAll("#charts path.line").length >= 3);
  assert.match(await page.locator("#legend li").first().textContent(), /unequal: 20,000 steps, 8 seeds/);

  assert.match(await page.locator("#curve-loss").textContent(), /L, loss/);

  // What begins while the page is open is seen, and whoever works with the keyboard keeps their place in the list.
  await page.getByRole("button", { name: "store" }).focus();
  simulate("1,1", "equal");
  await page.getByLabel("equal simulation", { exact: true }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.dataset.control), "sweep store");
  await page.getByLabel("equal simulation", { exact: true }).check();
  await page.waitForFunction(() => document.querySelectorAll("#legend li").length === 2);

  await page.getByRole("button", { name: "store" }).click();
  await page.waitForFunction(() => document.getElementById("progress").textContent.includes("1 of 9 cells are finished"));
  // A choice that has the keyboard does not keep the cells from being seen.
  await page.locator("#choices select").first().focus();
  run("sweep", "run", "sweep.toml", "--out", "store");
  await page.waitForFunction(() => document.getElementById("progress").textContent.includes("9 of 9 cells are finished"));
  assert.equal(await page.locator("#cells td").count(), 9);
  assert.ok(Number(await page.locator("#cells td").first().textContent()) > 1);

  await page.getByRole("button", { name: "report of unequal" }).click();
  await page.frameLocator("#page").locator("h1").waitFor();
  for (const [width, scheme] of [[1280, "light"], [390, "dark"]]) {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme: scheme });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `${overflow} px too wide at ${width}`);
    if (screenshots) writeFileSync(`${screenshots}/runs-${width}-${scheme}.png`, await page.screenshot({ fullPage: true }));
  }
  await page.locator("#close").press("Enter");
  assert.equal(await page.locator("#page").isVisible(), false);
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), "report of unequal");
  assert.deepEqual(complaints, []);
  assert.deepEqual(elsewhere, []);
  await context.close();
  await server.end();
});

test("a number that comes more than once on an axis has a column for each of its points", async () => {
  const folder = mkdtempSync(join(tmpdir(), "thalweg-"));
  const together = "together = [{ path = 'learning_rate', values = [0.01, 0.01, 0.005] }, { path = 'steps', values = [100, 200, 100] }]";
  writeFileSync(join(folder, "sweep.toml"), SWEEP.replace("path = 'batch'\nvalues = [1, 10, 100]", together));
  execFileSync(program, ["sweep", "run", "sweep.toml", "--out", "store"], { cwd: folder, stdio: "ignore" });
  const server = await serve(folder);
  const { page, context, complaints } = await open(new URL("/runs", server.url).href);
  await page.getByRole("button", { name: "store" }).click();
  await page.getByLabel("Columns:").selectOption({ label: "learning_rate" });
  const heads = (await page.locator("#cells thead th").allTextContents()).slice(1);
  assert.deepEqual(heads, ["0.01, steps = 100", "0.01, steps = 200", "0.005, steps = 100"].map(words => `learning_rate = ${words}`));
  // One cell in each place: a number alone, not "(2 of 2)".
  const cells = await page.locator("#cells td").allTextContents();
  assert.equal(cells.length, 9);
  for (const cell of cells) assert.ok(Number(cell) > 1, cell);
  if (screenshots) writeFileSync(`${screenshots}/runs-repeated.png`, await page.screenshot({ fullPage: true }));
  assert.deepEqual(complaints, []);
  await context.close();
  await server.end();
});
