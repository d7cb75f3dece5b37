// What the app knows from its environment. `npm start` reads it from the file .env, if there is one.
const { env } = process;

const needed = (name) => env[name] || fail(`${name} is not set. See README.md.`);

export const settings = {
  /** Where it listens. */
  port: Number(env.PORT ?? 3000),
  host: env.HOST ?? "127.0.0.1",
  /** Where browsers find it. */
  origin: env.ORIGIN ?? "http://localhost:3000",
  /** Postern's public URL, and the app as Postern knows it: a product. */
  issuer: needed("POSTERN_ISSUER"),
  clientId: needed("POSTERN_CLIENT_ID"),
  clientSecret: needed("POSTERN_CLIENT_SECRET"),
  /** Seals the session cookies of the app. Nobody else knows it. */
  secret: needed("AUTH_SECRET"),
  /** Whose people sign in, until a person says otherwise. */
  tenant: env.TENANT ?? "",
  /** The file that accounts and sessions are kept in. */
  database: env.DATABASE ?? "app.sqlite",
  /** An app that Postern cannot reach asks instead, at most this often; unset: it is told by the back channel. */
  pollSeconds: env.POLL_SECONDS ? Number(env.POLL_SECONDS) : undefined,
};

function fail(message) {
  throw new Error(message);
}
