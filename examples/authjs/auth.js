// Auth.js, told about Postern. This file is the same in every framework that Auth.js knows: in Next.js it is the argument of
// NextAuth().
import { accountOf, admit, personOf } from "./accounts.js";
import { LONGEST_COOKIE, begin, goesOn } from "./sessions.js";
import { settings } from "./settings.js";

/** `ask` puts a question to the person in the browser, where somebody else's account may be theirs, and says where. */
export const authConfig = (ask) => ({
  secret: settings.secret,
  basePath: "/auth",
  trustHost: true,
  session: { strategy: "jwt", maxAge: LONGEST_COOKIE },
  providers: [
    {
      id: "postern",
      name: "Postern",
      type: "oidc",
      issuer: settings.issuer,
      clientId: settings.clientId,
      clientSecret: settings.clientSecret,
      checks: ["pkce", "state", "nonce"],
      authorization: { params: { scope: "openid email profile" } },
      profile: ({ sub, name, email }) => ({ id: sub, name, email }),
    },
  ],
  callbacks: {
    /** May this person come in? `profile` holds the claims of the ID token, which Auth.js has verified. */
    signIn({ profile }) {
      const { account, question, refused } = admit(profile);
      if (account) return true;
      return question ? ask(question) : `/refused?${new URLSearchParams({ reason: refused })}`;
    },

    /** What the sealed cookie holds. `account` and `profile` are there when somebody has just signed in; later it is read. */
    async jwt({ token, account, profile }) {
      if (account) {
        begin(profile, account);
        const { sub, sid, iat, tenant, provisioning, session_expires_at } = profile;
        const { id, role, role_source, team } = personOf(sub);
        return { sub, sid, began: iat, account: id, tenant, role, role_source, team, provisioning, session_expires_at };
      }
      if (!(await goesOn(token))) return null; // the cookie is worthless, and Auth.js takes it away
      const person = accountOf(token.account);
      return person ? { ...token, role: person.role, role_source: person.role_source, team: person.team } : null;
    },

    /** What the app's own pages see. */
    session({ session, token }) {
      const { sub, sid, account, tenant, role, role_source, team, provisioning, session_expires_at } = token;
      const { name, email } = accountOf(account);
      const user = { id: account, sub, name, email, tenant, role, role_source, team };
      return { user, sid, provisioning, session_expires_at, expires: session.expires };
    },
  },
});
