// A whole app that signs people in with Auth.js, unmodified. Everything it knows of Postern comes from the environment, as a
// developer would set it:
//
//   PORT            where it listens, on 127.0.0.1
//   ISSUER          Postern's public URL
//   CLIENT_ID       a product's client id, `tenant=…&product=…`, or `dummy`
//   CLIENT_SECRET
//   SIGN_IN_PARAMS  what signIn() passes on to authorize, as a query string: `tenant=…&product=…`; may be empty
//   CHECKS          e.g. `pkce,state`; unset: the provider's defaults
//   SCOPE           for `saml`; unset: Auth.js asks for `openid profile email`
//   PROVIDER        `saml`: Auth.js' own `boxyhq-saml` provider, which speaks OAuth; `saml-oidc`: the same, told to speak OpenID
//                   Connect; `oidc`: a provider of Auth.js' type "oidc", which reads everything from our discovery document
import { createServer } from "node:http";
import { Auth } from "@auth/core";
import BoxyHQSAML from "@auth/core/providers/boxyhq-saml";

const { PORT, ISSUER, CLIENT_ID, CLIENT_SECRET, SIGN_IN_PARAMS, CHECKS, SCOPE, PROVIDER } = process.env;
const origin = `http://127.0.0.1:${PORT}`;

const client = { issuer: ISSUER, clientId: CLIENT_ID, clientSecret: CLIENT_SECRET };
const provider = {
  saml: () =>
    BoxyHQSAML({
      ...client,
      ...(CHECKS && { checks: CHECKS.split(",") }),
      ...(SCOPE !== undefined && { authorization: { params: { scope: SCOPE } } }),
    }),
  "saml-oidc": () => BoxyHQSAML({ ...client, type: "oidc", checks: ["pkce", "state", "nonce"] }),
  oidc: () => ({ ...client, id: "postern", name: "Postern", type: "oidc", checks: ["pkce", "state", "nonce"] }),
}[PROVIDER]();

const config = {
  basePath: "/api/auth",
  secret: "a secret of this app alone, for its session cookies",
  trustHost: true,
  providers: [provider],
  callbacks: {
    // Auth.js makes up an id of its own for users without a database; the provider's is the account's.
    jwt: ({ token, account }) => (account ? { ...token, sub: account.providerAccountId } : token),
    session: ({ session, token }) => ({ ...session, user: { ...session.user, id: token.sub } }),
  },
};

// Beside Auth.js there is one page: it signs in as `next-auth/react` does, with the CSRF token and a post. At /start, the
// `initiate_login_url` of the product, it does so by itself and passes on what Postern says there (OIDC Core, third-party-initiated
// login, section 4).
const home = `<!doctype html><title>App</title>
<form method="post" action="/api/auth/signin/${provider.id}?${SIGN_IN_PARAMS.replaceAll("&", "&amp;")}">
<input type="hidden" name="csrfToken"><input type="hidden" name="callbackUrl" value="${origin}/api/auth/session">
<button disabled>Sign in</button></form>
<script type="module">
  const { csrfToken } = await (await fetch("/api/auth/csrf")).json();
  const form = document.forms[0];
  form.csrfToken.value = csrfToken;
  document.querySelector("button").disabled = false;
  const { iss, ...wishes } = Object.fromEntries(new URLSearchParams(location.search));
  if (location.pathname === "/start" && iss === ${JSON.stringify(ISSUER)}) {
    form.action = form.action.split("?")[0] + "?" + new URLSearchParams(wishes);
    form.submit();
  }
</script>`;

createServer(async (incoming, outgoing) => {
  const response =
    /^\/(start\?|$)/.test(incoming.url)
      ? new Response(home, { headers: { "content-type": "text/html" } })
      : await Auth(await request(incoming), config);
  outgoing.writeHead(response.status, headersOf(response));
  outgoing.end(Buffer.from(await response.arrayBuffer()));
}).listen(Number(PORT), "127.0.0.1");

async function request(incoming) {
  const body = await Array.fromAsync(incoming);
  return new Request(new URL(incoming.url, origin), {
    method: incoming.method,
    headers: incoming.headers,
    ...(body.length && { body: Buffer.concat(body) }),
  });
}

function headersOf(response) {
  const headers = Object.fromEntries(response.headers);
  return { ...headers, "set-cookie": response.headers.getSetCookie() };
}
