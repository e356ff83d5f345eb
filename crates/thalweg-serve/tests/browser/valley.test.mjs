// The valley in a real browser: what is moved, what is read, what is seen.

import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { browser, open, screenshots, serve, thalweg } from "./harness.mjs";

let server;
before(async () => { server = await serve(); });
after(async () => {
  await browser.close();
  await server.end();
});

const drawn = (page, query) => page.waitForFunction(query => document.getElementById("main").dataset.query === query, query);

async function quiet({ context, complaints, elsewhere }) {
  assert.deepEqual(complaints, []);
  assert.deepEqual(elsewhere, []);
  await context.close();
}

test("a slider that is moved shows the number that predict gives", async () => {
  const opened = await open(`${server.url}#gain_1=1&gain_2=1`);
  const { page } = opened;
  await drawn(page, "gain_1=1&gain_2=1");
  const number = id => page.locator(id).getAttribute("data-value").then(Number);
  const predict = noise => thalweg("predict", "--depth", "2", "--noise", noise, "--learning-rate", "0.01", "--batch", "10");
  const given = predict("1,0.2");
  assert.equal(await number("#end-t"), given.sharpness);
  assert.equal(await number("#end-f"), given.fluctuation);

  // By the keyboard, as a reader without a mouse does it.
  const slider = page.locator("#field-anisotropy");
  await slider.focus();
  for (let i = 0; i < 30; i++) await page.keyboard.press("ArrowRight");
  const value = await page.locator("#field-anisotropy-number").inputValue();
  assert.ok(Number(value) > 5 && (await slider.getAttribute("aria-valuetext")) === value);
  await drawn(page, `anisotropy=${value}&gain_1=1&gain_2=1`);
  const moved = predict(`1,${1 / Number(value)}`);
  assert.ok(moved.sharpness > given.sharpness);
  assert.equal(await number("#end-t"), moved.sharpness);

  // A number that is typed, and one that is refused.
  const typed = page.locator("#field-anisotropy-number");
  await typed.fill("2");
  await typed.press("Enter");
  await drawn(page, "anisotropy=2&gain_1=1&gain_2=1");
  assert.equal(await number("#end-t"), predict("1,0.5").sharpness);
  await typed.fill("200");
  await typed.press("Enter");
  assert.equal(await typed.getAttribute("aria-invalid"), "true");
  await quiet(opened);
});

test("weight decay and SAM give what predict gives", async () => {
  const opened = await open(`${server.url}#learning_rate=0.005&weight_decay=0.0001&sam=0.002`);
  const { page } = opened;
  await drawn(page, "learning_rate=0.005&weight_decay=0.0001&sam=0.002");
  const given = thalweg("predict", "--depth", "2", "--noise", "1,0.2", "--learning-rate", "0.005", "--batch", "10", "--weight-decay", "1e-4", "--sam", "0.002");
  assert.equal(Number(await page.locator("#end-t").getAttribute("data-value")), given.sharpness);
  await quiet(opened);
});

test("points move, pause, go on, and are begun anew", async () => {
  const opened = await open(`${server.url}#gain_1=1&gain_2=1&steps=200000`);
  const { page } = opened;
  const frame = () => page.locator("#main").getAttribute("data-frame").then(Number);
  const reached = number => page.waitForFunction(number => Number(document.getElementById("main").dataset.frame) >= number, number);
  const places = () => page.locator("#map-f circle.sgd").evaluateAll(dots => dots.map(dot => `${dot.getAttribute("cx")} ${dot.getAttribute("cy")}`));
  await reached(5);
  const first = await places();
  assert.equal(first.length, 16);
  await reached(60);
  const later = await places();
  assert.ok(first.filter((place, i) => place !== later[i]).length >= 15);

  await page.locator("#play").click();
  await page.waitForTimeout(300);
  const paused = await frame();
  await page.waitForTimeout(400);
  assert.equal(await frame(), paused);
  assert.equal(await page.locator("#play").textContent(), "Go on");
  await page.locator("#play").click();
  await page.waitForFunction(() => document.getElementById("play").textContent === "Run again", undefined, { timeout: 60000 });
  assert.equal(await frame(), 240);
  assert.match(await page.locator("#done").textContent(), /^SGD has made all steps: sharpness [\d.]+ ± [\d.]+/);
  // The mean and its error hold the flow within what chance and the step size allow.
  const [mean, flow] = await Promise.all(["#sgd-t", "#flow-t"].map(async id => Number.parseFloat(await page.locator(id).textContent())));
  assert.ok(Math.abs(mean / flow - 1) < 0.05, `${mean} ${flow}`);
  await page.locator("#reset").click();
  await page.waitForFunction(() => !document.querySelector("#map-f circle.sgd"));
  await quiet(opened);
});

test("the address holds the setting, and the picture is saved whole", async () => {
  const opened = await open(server.url);
  const { page, context } = opened;
  await page.getByRole("button", { name: "Turned noise" }).click();
  await page.waitForFunction(() => document.querySelectorAll("#map-f circle.sgd").length === 16);
  const address = page.url();
  assert.match(address, /#angle=60/);
  assert.equal(await page.getByRole("button", { name: "Turned noise" }).getAttribute("aria-pressed"), "true");
  assert.ok(await page.locator("#drift-row").isVisible());
  const [saved] = await Promise.all([page.waitForEvent("download"), page.locator("#save").click()]);
  assert.equal(saved.suggestedFilename(), "valley.svg");
  const other = await context.newPage();
  await other.goto(address);
  await drawn(other, await page.locator("#main").getAttribute("data-query"));
  assert.equal(await other.locator("#end-t").textContent(), await page.locator("#end-t").textContent());
  const file = join(screenshots ?? mkdtempSync(join(tmpdir(), "thalweg-")), "valley.svg");
  await saved.saveAs(file);
  await other.goto(`file://${file}`);
  assert.equal(await other.locator("svg > svg").count(), 4);
  assert.equal(await other.locator("svg > svg image").count(), 2);
  await quiet(opened);
});

test("what an address says that is not understood is named, and the rest is shown", async () => {
  const opened = await open(`${server.url}#strength=abc&gain_1=1&colour=red&batch=1.5&sam=0`);
  const { page } = opened;
  await drawn(page, "gain_1=1");
  const problem = page.locator("#problem");
  assert.equal(await problem.textContent(), "Not all of the address was understood. strength is “abc”, and must be a number from 0.1 to 3: 1 is shown instead. "
    + "There is no field “colour”. batch is “1.5”, and must be a whole number from 1 to 1000: 10 is shown instead.");
  assert.equal(await page.locator("#field-strength-number").inputValue(), "1");
  assert.match(page.url(), /#gain_1=1$/);
  const numbers = await page.locator("#numbers").textContent();
  assert.ok(!numbers.includes("NaN") && await page.locator("#map-f path.flow").count() === 1);
  // It is about the address that was given, and goes with the next choice.
  await page.getByRole("button", { name: "Turned noise" }).click();
  await page.waitForFunction(() => document.getElementById("problem").hidden);
  await quiet(opened);
});

test("a slider held down asks for the latest, and the picture is there soon", async () => {
  const opened = await open(server.url);
  const { page } = opened;
  await page.waitForFunction(() => document.getElementById("main").dataset.milliseconds);
  let asked = 0;
  page.on("request", request => { if (request.url().includes("/picture")) asked += 1; });
  await page.locator("#field-strength").evaluate(slider => {
    for (let i = 0; i < 300; i++) {
      slider.value = i;
      slider.dispatchEvent(new Event("input"));
    }
  });
  const value = await page.locator("#field-strength-number").inputValue();
  await page.waitForFunction(value => document.getElementById("main").dataset.query.startsWith(`strength=${value}`), value);
  assert.ok(asked <= 3, `${asked} requests for 300 moves`);

  const times = [];
  for (const position of [200, 320, 440, 560, 680, 800, 880, 940]) {
    await page.locator("#field-anisotropy").evaluate((slider, position) => {
      delete document.getElementById("main").dataset.milliseconds;
      slider.value = position;
      slider.dispatchEvent(new Event("input"));
    }, position);
    const handle = await page.waitForFunction(() => document.getElementById("main").dataset.milliseconds);
    times.push(Number(await handle.jsonValue()));
  }
  times.sort((a, b) => a - b);
  console.log(`from slider to picture: median ${times[4]} ms, longest ${times[7]} ms`);
  await quiet(opened);
});

test("every control has a name, and nothing is wider than the page", async () => {
  for (const [width, colorScheme] of [[1280, "light"], [1280, "dark"], [390, "light"], [390, "dark"]]) {
    const opened = await open(server.url, { viewport: { width, height: 900 }, colorScheme });
    const { page } = opened;
    await page.waitForFunction(() => Number(document.getElementById("main").dataset.frame) > 40);
    const nameless = await page.locator("button, input, a").evaluateAll(controls => controls
      .filter(control => !(control.textContent.trim() || control.getAttribute("aria-label") || control.labels?.length))
      .map(control => control.outerHTML));
    assert.deepEqual(nameless, []);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `${overflow} px too wide at ${width}`);
    if (screenshots) writeFileSync(`${screenshots}/valley-${width}-${colorScheme}.png`, await page.screenshot({ fullPage: true }));
    await quiet(opened);
  }
});

test("on a phone a map stays in sight of each slider, and a number out of its range is answered", async () => {
  const opened = await open(server.url, { viewport: { width: 390, height: 844 } });
  const { page } = opened;
  await page.waitForFunction(() => document.getElementById("main").dataset.milliseconds);
  for (const slider of await page.locator("#sliders input[type=range]").all()) {
    await slider.evaluate(element => element.scrollIntoView({ block: "center" }));
    const [map, own] = [await page.locator("#map-f").boundingBox(), await slider.boundingBox()];
    assert.ok(map.y >= 0 && map.y + map.height <= own.y, `the map is at ${map.y}, the slider at ${own.y}`);
  }
  if (screenshots) writeFileSync(`${screenshots}/valley-phone.png`, await page.screenshot());

  const number = page.locator("#field-batch-number");
  const before = await page.locator("#main").getAttribute("data-query");
  await number.fill("-3");
  await number.press("Enter");
  assert.match(await page.locator("#field-batch-wrong").textContent(), /^-3 is not taken: give a whole number from 1 to /);
  await number.fill("12");
  await number.press("Enter");
  assert.equal(await page.locator("#field-batch-wrong").isVisible(), false);
  await page.waitForFunction(before => document.getElementById("main").dataset.query !== before, before);
  await quiet(opened);
});

test("Ctrl-C ends the server while SGD runs", async () => {
  const own = await serve();
  const { page, context } = await open(`${own.url}#steps=20000000`);
  await page.waitForFunction(() => Number(document.getElementById("main").dataset.frame) > 3);
  const { status, milliseconds } = await own.end();
  assert.equal(status, 130);
  assert.ok(milliseconds < 1500, `${milliseconds} ms`);
  await context.close();
});
