// A customer's identity provider made of `samlp`, the SAML identity provider of Auth0, unmodified. It encrypts assertions by
// AES-256-GCM under RSA-OAEP and demands that requests are signed, on both bindings. Its only user is `alice`. Whoever starts
// it says in the environment:
//
//   PORT             where it listens, on 127.0.0.1; it calls itself localhost
//   IDP_STATE        a folder that holds idp.key and idp.crt
//   SP_METADATA_URL  where Postern publishes its service provider metadata; sp.xml in IDP_STATE, if there, is read instead
//   SIGNS            `assertion`, `response` or `both`
import { X509Certificate, randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { DOMParser } from "@xmldom/xmldom";
import express from "express";
import samlp from "samlp";
import xpath from "xpath";

const { PORT, IDP_STATE, SP_METADATA_URL, SIGNS } = process.env;
const PASSWORD = "wonderland";
const ALICE = {
  id: "alice",
  displayName: "Alice Liddell",
  name: { givenName: "Alice", familyName: "Liddell" },
  emails: [{ value: "alice@acme.example.com" }],
};
const idp = {
  issuer: `http://localhost:${PORT}/`,
  key: readFileSync(`${IDP_STATE}/idp.key`, "utf8"),
  cert: readFileSync(`${IDP_STATE}/idp.crt`, "utf8"),
};

/** What the administrator has taken over from Postern's metadata. */
async function serviceProvider() {
  const copy = `${IDP_STATE}/sp.xml`;
  const xml = existsSync(copy) ? readFileSync(copy, "utf8") : await (await fetch(SP_METADATA_URL)).text();
  const document = new DOMParser().parseFromString(xml, "text/xml");
  const select = xpath.useNamespaces({
    md: "urn:oasis:names:tc:SAML:2.0:metadata",
    ds: "http://www.w3.org/2000/09/xmldsig#",
  });
  const text = (path) => select(`string(${path})`, document);
  const certificate = (use) =>
    new X509Certificate(Buffer.from(text(`//md:KeyDescriptor[@use='${use}']//ds:X509Certificate`), "base64"));
  return {
    entityId: text("/md:EntityDescriptor/@entityID"),
    acsUrl: text("//md:AssertionConsumerService/@Location"),
    signing: certificate("signing"),
    encryption: certificate("encryption"),
  };
}

/** Requests that are good and wait for a person to sign in. */
const waiting = new Map();

const app = express();
app.use(express.urlencoded({ extended: false }));
app.get(
  "/metadata",
  // It builds its addresses from this header, whatever name it is fetched by.
  (req, _res, next) => next(void (req.headers.host = `localhost:${PORT}`)),
  samlp.metadata({ ...idp, redirectEndpointPath: "/sso", postEndpointPath: "/sso", logoutEndpointPaths: {} }),
);

app.all("/sso", async (req, res) => {
  const sp = await serviceProvider();
  samlp.parseRequest(req, { signingCert: sp.signing.toString(), deflate: true }, (refusal, request) => {
    if (refusal || request?.issuer !== sp.entityId) return res.status(403).send(`Refused: ${refusal?.message}`);
    const id = randomUUID();
    waiting.set(id, { req, sp });
    res.send(`<!doctype html><title>Sign in</title><form method="post" action="/login">
      <input type="hidden" name="id" value="${id}"><label>Name <input type="text" name="name"></label>
      <label>Password <input type="password" name="password"></label><button>Sign in</button></form>`);
  });
});

app.post("/login", (req, res, next) => {
  const { id, name, password } = req.body;
  if (name !== ALICE.id || password !== PASSWORD || !waiting.has(id)) return res.status(403).send("Refused: who are you?");
  const { req: request, sp } = waiting.get(id);
  waiting.delete(id);
  const answer = samlp.auth({
    ...idp,
    getUserFromRequest: () => ALICE,
    getPostURL: (_audience, _request, _req, callback) => callback(null, sp.acsUrl),
    audience: sp.entityId,
    destination: sp.acsUrl,
    recipient: sp.acsUrl,
    lifetimeInSeconds: 300,
    sessionIndex: randomUUID(),
    signAssertion: SIGNS !== "response",
    signResponse: SIGNS !== "assertion",
    encryptionCert: sp.encryption.toString(),
    encryptionPublicKey: sp.encryption.publicKey.export({ type: "spki", format: "pem" }),
    encryptionAlgorithm: "http://www.w3.org/2009/xmlenc11#aes256-gcm",
    keyEncryptionAlgorithm: "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p",
  });
  answer(request, res, next);
});

app.listen(Number(PORT), "127.0.0.1");
