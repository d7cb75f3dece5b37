// Signs a person in who says by their e-mail address whose they are, and checks pages for accessibility.
//
// usage: node discover.js '{"start", "email", "password", "end", "javaScript", "pages", "screenshots"}'
//
// Opens `start`, an app's page with a "Sign in" link, writes `email` on the page where that leads, signs in with it and `password`
// at the identity provider where that leads, and waits for the page whose address begins with `end`; all without JavaScript if
// `javaScript` is false. Then opens each of `pages`. With JavaScript, every page of Postern on the way is checked by axe-core.
// Prints {"idp", "url", "text", "findings"}: the origin of the identity provider, the last page, and what axe found as
// [path, rule, impact]. Leaves screenshots of these pages in the folder `screenshots`, as wide as a desktop and as a phone.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const { start, email, password, end, javaScript, pages = [], screenshots } = JSON.parse(process.argv[2]);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
try {
  const page = await browser.newPage({ javaScriptEnabled: javaScript });
  page.setDefaultTimeout(30_000);
  const findings = [];

  await page.goto(start);
  await page.getByRole("link", { name: "Sign in" }).click();
  await page.getByLabel("e-mail address").fill(email);
  await look(page, "login");
  await page.keyboard.press("Enter");

  const secret = page.locator("input[type=password]");
  await secret.waitFor();
  const idp = new URL(page.url()).origin;
  await page.locator("form:has(input[type=password]) input:is([type=text], [type=email])").fill(email);
  await secret.fill(password);
  await secret.press("Enter");
  if (!javaScript) await page.getByRole("button").click(); // the form that would post itself
  await page.waitForURL((url) => url.href.startsWith(end), { waitUntil: "load" });
  const last = { idp, url: page.url(), text: await page.locator("body").textContent() };

  for (const url of pages) {
    await page.goto(url);
    await look(page, new URL(url).pathname.replaceAll("/", "_"));
  }
  console.log(JSON.stringify({ ...last, findings }));

  async function look(page, name) {
    for (const [width, size] of [["desktop", { width: 1280, height: 800 }], ["phone", { width: 360, height: 740 }]]) {
      await page.setViewportSize(size);
      await page.screenshot({ path: `${screenshots}/${name}-${width}.png`, fullPage: true });
    }
    if (!javaScript) return;
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => window.axe.run());
    findings.push(...violations.map(({ id, impact }) => [new URL(page.url()).pathname, id, impact]));
  }
} finally {
  await browser.close();
}
