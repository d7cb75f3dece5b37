// The app: a page that signs people in and out, and says who they are.
import { Auth, skipCSRFCheck } from "@auth/core";
import { ExpressAuth, getSession } from "@auth/express";
import express from "express";
import { answerNotMine, answerWithPassword, questionOf } from "./accounts.js";
import { authConfig } from "./auth.js";
import { NoLogoutToken, introspect, logoutToken, signOutUrl } from "./postern.js";
import * as pages from "./pages.js";
import { end, idTokenOf } from "./sessions.js";
import { settings } from "./settings.js";

const { origin, issuer, tenant } = settings;
const app = express();
app.disable("x-powered-by");
app.set("trust proxy", ["loopback", "uniquelocal"]); // for https, of which the proxy in front tells
const form = express.urlencoded({ extended: false });

/** A question belongs to the browser of the person who signed in: whoever answers elsewhere would connect somebody else's. */
const cookie = { httpOnly: true, sameSite: "lax", secure: origin.startsWith("https:"), maxAge: 600_000 };
const configFor = (res) =>
  authConfig((question) => {
    res.cookie("question", question, cookie);
    return "/is-it-you";
  });
const sessionOf = (req, res) => getSession(req, configFor(res));
const cookies = (req) =>
  Object.fromEntries((req.headers.cookie ?? "").split("; ").map((pair) => pair.split(/=(.*)/s).slice(0, 2)));

/** Postern refuses somebody: `REFERENCE: Code sentence`. Only what the app knows is repeated, because anybody can write such a link. */
app.get("/auth/callback/postern", (req, res, next) => {
  if (req.query.error === undefined) return next();
  const [, reference, reason] = /^(\w+): (\w+) /.exec(req.query.error_description ?? "") ?? [];
  res.redirect(303, `/refused?${new URLSearchParams({ reason: reason ?? "", reference: reference ?? "" })}`);
});

app.use("/auth", (req, res, next) => ExpressAuth(configFor(res))(req, res, next));

app.get("/", async (req, res) => {
  const session = await sessionOf(req, res);
  res.send(session ? pages.home(session) : pages.welcome(tenant));
});

/** For the app's own scripts, and for the curious. */
app.get("/me", async (req, res) => res.set("cache-control", "no-store").json((await sessionOf(req, res)) ?? {}));

// ---- signing in

/** What `signIn()` of next-auth does: Auth.js answers with its cookies and the way to Postern. */
async function signIn(req, res, wishes) {
  const { tenant, idp_hint, login_hint } = wishes; // nothing else of what a stranger may have put into the address
  const given = Object.entries({ tenant, idp_hint, login_hint }).filter(([, value]) => typeof value === "string");
  const url = `${origin}/auth/signin/postern?${new URLSearchParams(given)}`;
  const answer = await Auth(
    new Request(url, {
      method: "POST",
      headers: { cookie: req.headers.cookie ?? "" },
      body: new URLSearchParams({ callbackUrl: origin }),
    }),
    { ...configFor(res), skipCSRFCheck },
  );
  for (const value of answer.headers.getSetCookie()) res.append("set-cookie", value);
  res.redirect(303, answer.headers.get("location"));
}

app.post("/sign-in", form, (req, res) => signIn(req, res, req.body));

/** The product's `initiate_login_url`: somebody clicked on the app at their identity provider. */
app.get("/start", (req, res) => (req.query.iss === issuer ? signIn(req, res, req.query) : res.redirect(303, "/")));

// ---- accounts

app.get("/is-it-you", (req, res) => {
  const email = questionOf(cookies(req).question);
  return email ? res.send(pages.isItYou(email)) : res.redirect(303, "/");
});

app.post("/is-it-you", form, (req, res) => {
  const { question } = cookies(req);
  const { refused } = "password" in req.body ? answerWithPassword(question, req.body.password) : answerNotMine(question);
  if (refused) return res.redirect(303, `/refused?${new URLSearchParams({ reason: refused })}`);
  res.clearCookie("question", cookie).redirect(303, "/"); // and they sign in: who they are is settled
});

app.get("/refused", (req, res) => res.status(403).send(pages.refused(req.query.reason, req.query.reference)));

/** What a role opens. */
app.get("/edit", async (req, res) => {
  const session = await sessionOf(req, res);
  if (!session) return res.redirect(303, "/");
  pages.mayEdit(session.user) ? res.send(pages.edit()) : res.status(403).send(pages.refused("not_an_editor"));
});

// ---- signing out

/** The cookie is sent with no other site's posts (`SameSite=Lax`), so nobody else can sign a person out. */
app.post("/sign-out", async (req, res) => {
  const session = await sessionOf(req, res);
  if (!session) return res.redirect(303, "/");
  const hint = idTokenOf(session.sid);
  end(session);
  for (const name of Object.keys(cookies(req)).filter((name) => /authjs\.session-token/.test(name))) res.clearCookie(name);
  res.redirect(303, await signOutUrl(hint));
});

app.get("/signed-out", (_req, res) => res.send(pages.signedOut(tenant)));

/** The product's `backchannel_logout_uri`: Postern tells of a session that ended elsewhere. */
app.post("/back-channel-logout", form, async (req, res) => {
  res.set("cache-control", "no-store");
  try {
    end(await logoutToken(req.body?.logout_token ?? ""));
    res.end();
  } catch (error) {
    // What is answered with 400 does not come again; what is answered with 503 does, when Postern's keys can be read.
    const isWrong = error instanceof NoLogoutToken || /^ERR_JW[ST]_/.test(error.code);
    res.status(isWrong ? 400 : 503).json({ error: isWrong ? "invalid_request" : "temporarily_unavailable" });
  }
});

// ---- another backend, which has no session but an access token

app.get("/api/report", async (req, res) => {
  const [, token] = /^Bearer (\S+)$/i.exec(req.headers.authorization ?? "") ?? [];
  const told = token && (await introspect(token));
  if (!told) return res.status(401).set("www-authenticate", "Bearer").json({ error: "invalid_token" });
  res.json({ report: "all is well", for: told.sub, tenant: told.tenant });
});

app.use((error, _req, res, _next) => {
  console.error(error);
  res.status(503).send(pages.trouble());
});

app.listen(settings.port, settings.host, () => console.log(`Sign in at ${origin}`));
