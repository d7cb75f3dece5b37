// A whole app that signs people in with next-auth 4, unmodified. Everything it knows of Postern comes from the environment, as
// a developer would set it:
//
//   PORT            where it listens, on 127.0.0.1
//   ISSUER          Postern's public URL
//   CLIENT_ID       a product's client id, `tenant=…&product=…`, or `dummy`
//   CLIENT_SECRET
//   SIGN_IN_PARAMS  what signIn() passes on to authorize, as a query string: `tenant=…&product=…`; may be empty
//   PROVIDER        `saml`: next-auth's own `boxyhq-saml` provider, which speaks OAuth; `saml-oidc`: the same, told to speak OpenID
//                   Connect; `oidc`: a provider that reads everything from our discovery document
import { createServer } from "node:http";
import NextAuthModule from "next-auth";
import BoxyHQSAMLModule from "next-auth/providers/boxyhq-saml";

const NextAuth = NextAuthModule.default;
const BoxyHQSAML = BoxyHQSAMLModule.default;
const { PORT, ISSUER, CLIENT_ID, CLIENT_SECRET, SIGN_IN_PARAMS, PROVIDER } = process.env;
const origin = `http://127.0.0.1:${PORT}`;
process.env.NEXTAUTH_URL = origin;

const client = { issuer: ISSUER, clientId: CLIENT_ID, clientSecret: CLIENT_SECRET };
const openid = {
  wellKnown: `${ISSUER}/.well-known/openid-configuration`,
  idToken: true,
  checks: ["pkce", "state", "nonce"],
  authorization: { params: { scope: "openid email profile" } },
};
const provider = {
  // Without a scope next-auth asks for `openid`, and then fails because it gets an ID token.
  saml: () => BoxyHQSAML({ ...client, authorization: { params: { scope: "" } } }),
  "saml-oidc": () => BoxyHQSAML({ ...client, ...openid }),
  oidc: () => ({
    ...client,
    ...openid,
    id: "postern",
    name: "Postern",
    type: "oauth",
    profile: (claims) => ({ id: claims.sub, email: claims.email, name: `${claims.firstName} ${claims.lastName}` }),
  }),
}[PROVIDER]();

const options = {
  secret: "a secret of this app alone, for its session cookies",
  providers: [provider],
  callbacks: {
    session: ({ session, token }) => ({ ...session, user: { ...session.user, id: token.sub } }),
  },
};

// Beside next-auth there is one page: it signs in as `next-auth/react` does, with the CSRF token and a post.
const home = `<!doctype html><title>App</title>
<form method="post" action="/api/auth/signin/${provider.id}?${SIGN_IN_PARAMS.replaceAll("&", "&amp;")}">
<input type="hidden" name="csrfToken"><input type="hidden" name="callbackUrl" value="${origin}/api/auth/session">
<button disabled>Sign in</button></form>
<script type="module">
  const { csrfToken } = await (await fetch("/api/auth/csrf")).json();
  document.forms[0].csrfToken.value = csrfToken;
  document.querySelector("button").disabled = false;
</script>`;

createServer(async (req, res) => {
  if (req.url === "/") return res.setHeader("content-type", "text/html").end(home);
  await asApiRoute(req, res);
  await NextAuth(req, res, options);
}).listen(Number(PORT), "127.0.0.1");

// What Next.js adds to Node's request and response before it calls `pages/api/auth/[...nextauth].js`.
async function asApiRoute(req, res) {
  const url = new URL(req.url, origin);
  const body = Buffer.concat(await Array.fromAsync(req)).toString();
  const cookies = (req.headers.cookie ?? "").split("; ").filter(Boolean).map((pair) => pair.split(/=(.*)/s));
  req.query = { ...Object.fromEntries(url.searchParams), nextauth: url.pathname.split("/").slice(3) };
  req.body = Object.fromEntries(new URLSearchParams(body));
  req.cookies = Object.fromEntries(cookies.map(([name, value]) => [name, decodeURIComponent(value)]));
  res.status = (code) => Object.assign(res, { statusCode: code });
  res.json = (value) => res.setHeader("content-type", "application/json").end(JSON.stringify(value));
  res.send = (value) => (typeof value === "string" ? res.end(value) : res.json(value));
}
