// Starts the program and a real browser for a test, and ends both.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const program = process.env.THALWEG;
export const screenshots = process.env.SCREENSHOTS;
if (screenshots) mkdirSync(screenshots, { recursive: true });

// What the program prints as JSON.
export const thalweg = (...given) => JSON.parse(execFileSync(program, [...given, "--json"], { encoding: "utf8" }));

// `thalweg serve` at a free port: its address, and a function that ends it.
export async function serve(...given) {
  const child = spawn(program, ["serve", "--port", "0", ...given], { stdio: ["ignore", "pipe", "ignore"] });
  const lines = createInterface({ input: child.stdout });
  const [url] = await once(lines, "line");
  return {
    url,
    // Its exit status, and how long it took to leave.
    async end(signal = "SIGINT") {
      const since = performance.now();
      child.kill(signal);
      const [status] = await once(child, "exit");
      return { status, milliseconds: performance.now() - since };
    },
  };
}

export const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu"],
});

// A page, with everything that its console and its policy complained of.
export async function open(url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 1000 }, ...options });
  const page = await context.newPage();
  const complaints = [], elsewhere = [];
  page.on("console", message => { if (["error", "warning"].includes(message.type())) complaints.push(message.text()); });
  page.on("pageerror", error => complaints.push(String(error)));
  page.on("request", request => {
    if (!request.url().startsWith(new URL(url).origin) && !/^(data|blob):/.test(request.url())) elsewhere.push(request.url());
  });
  await page.goto(url);
  return { page, context, complaints, elsewhere };
}
