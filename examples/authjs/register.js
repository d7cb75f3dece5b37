// Makes the app and one customer known to Postern, as an operator does, and prints what belongs into .env:
//   node register.js POSTERN_URL API_KEY METADATA_URL_OF_THE_IDENTITY_PROVIDER > .env
import { randomBytes } from "node:crypto";

const [issuer, apiKey, metadataUrl] = process.argv.slice(2);
const origin = process.env.ORIGIN ?? "http://localhost:3000";
const tenant = process.env.TENANT ?? "acme.example";
const domain = process.env.DOMAIN ?? "example.com"; // of the customer's addresses
const product = "authjs";

const { client_id, client_secret } = await post("/api/v1/products", {
  name: product,
  redirect_urls: [`${origin}/auth/callback/postern`],
  post_logout_redirect_urls: [`${origin}/signed-out`],
  initiate_login_url: `${origin}/start`,
  // Postern calls this one itself. It reaches what the Internet reaches, and what its fetch.allow_networks names.
  backchannel_logout_uri: `${origin.replace("localhost", "127.0.0.1")}/back-channel-logout`,
  grant_types: ["authorization_code", "refresh_token"],
});
await post("/api/v1/sso", {
  tenant,
  product,
  metadataUrl,
  redirectUrl: [`${origin}/auth/callback/postern`],
  defaultRedirectUrl: origin,
});
// You vouch for the domain here. Without a proven one Postern says that nobody gets an account, and the app makes none.
await post("/api/v1/domains", { tenant, product, domain, proof: "operator" });
console.log(`POSTERN_ISSUER=${issuer}
POSTERN_CLIENT_ID=${client_id}
POSTERN_CLIENT_SECRET=${client_secret}
AUTH_SECRET=${randomBytes(32).toString("base64url")}
ORIGIN=${origin}
PORT=${new URL(origin).port || 3000}
TENANT=${tenant}`);

async function post(path, body) {
  const answer = await fetch(issuer + path, {
    method: "POST",
    headers: { authorization: `Api-Key ${apiKey}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}
