// Signs a person in with a real browser, and tells what became of it.
//
// usage: node sign-in.js '{"start", "username", "password", "end", "signOut", "signOutEnd", "again", "then", "screenshots"}'
//
// Opens `start` (an app's page with a "Sign in" button or link, or the identity provider's form), goes wherever that leads, fills
// the first form that asks for a password, and waits until the identity provider has been left and the last page is there: the
// first one, or the one whose address begins with `end`. Then opens `signOut`, if there is one, and waits for the page whose address
// begins with `signOutEnd`, if that is said; opens `again`, if there is one; and goes on clicking: each of `then` is
// {"fill": [field, text], "press": button, "until": how the next address begins}. Prints that last page as JSON
// {"url", "text", "cookies", "signedOut", "askedAgain", "then", "visited", "posted"}: `signedOut` is what stands where `signOut`
// leads, `askedAgain` whether the page where `again` leads asks for a password, `then` what stands where each click leads, `visited`
// lists every page and redirect on the way as [method, status, url], `posted` every form as [url, fields]. Leaves one numbered
// screenshot per page in the folder `screenshots`.
import { chromium } from "playwright-core";

const { start, username, password, end, signOut, signOutEnd, again, then = [], screenshots } = JSON.parse(process.argv[2]);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(30_000);
  const visited = [];
  const posted = [];
  page.on("response", (response) => {
    const request = response.request();
    if (!request.isNavigationRequest()) return;
    visited.push([request.method(), response.status(), response.url()]);
    if (request.method() === "POST") posted.push([response.url(), request.postDataJSON() ?? {}]);
  });

  await page.goto(start);
  await screenshot(page, 1);
  const secret = page.locator("input[type=password]");
  if (!(await secret.isVisible())) {
    await page.getByRole("button", { name: "Sign in" }).or(page.getByRole("link", { name: "Sign in" })).click();
  }
  await secret.waitFor();
  const idp = new URL(page.url()).origin;
  await page.locator("form:has(input[type=password]) input:is([type=text], [type=email])").fill(username);
  await secret.fill(password);
  await screenshot(page, 2);
  await secret.press("Enter");

  await page.waitForURL((url) => (end ? url.href.startsWith(end) : url.origin !== idp), { waitUntil: "load" });
  await screenshot(page, 3);
  const text = () => page.locator("body").innerText();
  const cookies = (await page.context().cookies(page.url())).map(({ name, value }) => `${name}=${value}`).join("; ");
  const last = { url: page.url(), text: await text(), cookies, then: [] };
  if (signOut) {
    await page.goto(signOut);
    if (signOutEnd) await page.waitForURL((url) => url.href.startsWith(signOutEnd), { waitUntil: "load" });
    last.signedOut = await text();
    await screenshot(page, 4);
  }
  if (again) {
    await page.goto(again);
    last.askedAgain = await secret.isVisible();
    await screenshot(page, 5);
  }
  for (const [at, { fill, press, until }] of then.entries()) {
    if (fill) await page.locator(`[name="${fill[0]}"]`).fill(fill[1]);
    // The next page may have the address of this one.
    await Promise.all([page.waitForEvent("load"), page.getByRole("button", { name: press }).click()]);
    await page.waitForURL((url) => url.href.startsWith(until), { waitUntil: "load" });
    await screenshot(page, 4 + at);
    last.then.push(await text());
  }
  console.log(JSON.stringify({ ...last, visited, posted }));
} finally {
  await browser.close();
}

async function screenshot(page, number) {
  if (screenshots) await page.screenshot({ path: `${screenshots}/${number}.png`, fullPage: true });
}
