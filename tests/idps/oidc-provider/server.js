// A customer's identity provider made of `oidc-provider`, unmodified. It asks for PKCE, and its only user is `alice`. Whoever
// starts it says in the environment:
//
//   PORT                where it listens, on 127.0.0.1; its issuer is http://127.0.0.1:PORT
//   REDIRECT_URI        Postern's callback
//   SIGNED_OUT_URI      Postern's address for people who come back from signing out
//   ALG                 what ID tokens are signed by: RS256 or ES256
//   CLAIMS              id_token: they hold the person's claims; userinfo: those are only there (OpenID Connect Core §5.4)
//   CLIENT_AUTH         client_secret_basic, client_secret_post or private_key_jwt
//   CLIENT_SECRET       for the first two
//   IDP_STATE           a folder; for the last, its administrator writes into the file jwks-uri there where Postern publishes its keys
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import Provider from "oidc-provider";

const { PORT, REDIRECT_URI, SIGNED_OUT_URI, ALG, CLAIMS, CLIENT_AUTH, CLIENT_SECRET, IDP_STATE } = process.env;
const PASSWORD = "wonderland";
const ALICE = {
  sub: "alice",
  email: "alice@acme.example.com",
  email_verified: true,
  name: "Alice Liddell",
  given_name: "Alice",
  family_name: "Liddell",
  groups: ["engineering", "on-call"],
};

const KEYS = "https://postern.example.com/keys";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" });
const provider = new Provider(`http://127.0.0.1:${PORT}`, {
  clients: [
    {
      client_id: "postern",
      redirect_uris: [REDIRECT_URI],
      post_logout_redirect_uris: [SIGNED_OUT_URI],
      token_endpoint_auth_method: CLIENT_AUTH,
      id_token_signed_response_alg: ALG,
      ...(CLIENT_AUTH === "private_key_jwt" ? { jwks_uri: KEYS } : { client_secret: CLIENT_SECRET }),
    },
  ],
  clientAuthMethods: ["client_secret_basic", "client_secret_post", "private_key_jwt"],
  jwks: { keys: [rsa, ec].map((key, at) => ({ ...key, kid: `key-${at}`, use: "sig" })) },
  cookies: { keys: ["of this test alone"] },
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "given_name", "family_name", "groups"] },
  conformIdTokenClaims: CLAIMS === "userinfo",
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false } },
  // It would not fetch from loopback, where Postern is; and what the address is turns out when Postern is connected to it.
  fetch: (_url, { dispatcher, ...options }) => fetch(readFileSync(`${IDP_STATE}/jwks-uri`, "utf8"), options),
  findAccount: (_context, id) => ({ accountId: id, claims: () => ALICE }),
  interactions: { url: (_context, interaction) => `/sign-in/${interaction.uid}` },
  // A company does not ask its people whether its own app may know them.
  async loadExistingGrant(context) {
    const grant = new context.oidc.provider.Grant({
      clientId: context.oidc.client.clientId,
      accountId: context.oidc.session.accountId,
    });
    grant.addOIDCScope(context.oidc.params.scope);
    await grant.save();
    return grant;
  },
});

provider.use(async (context, next) => {
  const uid = /^\/sign-in\/([\w-]+)$/.exec(context.path)?.[1];
  if (!uid) return next();
  if (context.method === "GET") {
    const { params } = await provider.interactionDetails(context.req, context.res);
    const hint = (params.login_hint ?? "").replaceAll(/["&<>]/g, "");
    context.body = `<!doctype html><title>Sign in</title><form method="post"><label>Name <input type="text" name="name"
      value="${hint}"></label><label>Password <input type="password" name="password"></label><button>Sign in</button></form>`;
    return;
  }
  const form = new URLSearchParams(Buffer.concat(await Array.fromAsync(context.req)).toString());
  if (form.get("name") !== ALICE.sub || form.get("password") !== PASSWORD) return (context.status = 403);
  context.respond = false;
  await provider.interactionFinished(context.req, context.res, { login: { accountId: ALICE.sub, amr: ["pwd"] } });
});

provider.listen(Number(PORT), "127.0.0.1");
