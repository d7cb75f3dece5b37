// The pages, as plain as they can be.
const escape = (text) => String(text ?? "").replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const page = (body) => `<!doctype html><html lang="en"><meta charset="utf-8"><title>Example</title><body>${body}</body></html>`;

/** What a role is good for is the app's own affair. */
export const mayEdit = ({ role }) => role === "editor" || role === "admin";

const signIn = (tenant) =>
  `<form method="post" action="/sign-in"><label>Your organisation <input name="tenant" value="${escape(tenant)}"></label>
    <button>Sign in</button></form>`;

export const welcome = (tenant) => page(`<h1>Welcome</h1>${signIn(tenant)}`);

export const home = ({ user, provisioning, session_expires_at }) =>
  page(`<h1>Hello, ${escape(user.name ?? user.email)}</h1>
    <p>You are ${escape(user.role)} at ${escape(user.tenant)}, account ${escape(user.id)}, ${
      user.team ? `team ${escape(user.team)}` : "without a team"
    }, until ${new Date(session_expires_at * 1000).toISOString()}.</p>
    <p>${
      provisioning?.allowed === false
        ? `You keep your account, though somebody new like you would get none: ${escape(provisioning.reason)}.`
        : "Your organisation lets people like you have an account."
    }</p>
    ${mayEdit(user) ? '<form action="/edit"><button>Edit</button></form>' : "<p>You may read. Editors may do more.</p>"}
    <form method="post" action="/sign-out"><button>Sign out</button></form>`);

export const isItYou = (email) =>
  page(`<h1>Is this you?</h1><p>There is an account with the address ${escape(email)}. If it is yours, its password connects it
    with your organisation's sign-in.</p>
    <form method="post"><label>Password <input type="password" name="password" required></label> <button>Connect</button></form>
    <form method="post"><button name="not_mine" value="true">It is not mine</button></form>`);

export const edit = () => page(`<h1>Edit</h1><p>Only editors see this.</p><a href="/">Back</a>`);

/** What keeps people out: refusals of Postern, the reasons of the claim `provisioning`, and three of the app's own. */
const REASONS = {
  PersonBlocked: "Your organisation has blocked your account.",
  NotInvited: "Ask your administrator for an invitation.",
  EmailDomainForeign: "Your address does not belong to this organisation.",
  AttributeMissing: "Your organisation's sign-in did not say enough about you. Your administrator can change that.",
  not_invited: "Ask your administrator for an invitation.",
  foreign_domain: "Your address does not belong to this organisation.",
  domain_not_verified: "Your administrator has to prove that the domain of your address is theirs.",
  auto_provision_off: "Ask your administrator for an account.",
  attribute_missing: "Your organisation's sign-in did not say enough about you. Your administrator can change that.",
  wrong_password: "That is not the password of the account.",
  not_an_editor: "Only editors may do that.",
  question_over: "That took too long, or too many tries. Sign in again.",
};

/** `reference` is what Postern's operator finds the story of the login by. */
export const refused = (reason, reference) =>
  page(`<h1>Sorry</h1><p>${Object.hasOwn(REASONS, reason ?? "") ? REASONS[reason] : "You cannot come in."}</p>
    ${/^[a-z2-7]{26}$/.test(reference ?? "") ? `<p>Reference: ${reference}</p>` : ""}<a href="/">Back</a>`);

export const signedOut = (tenant) => page(`<h1>You are signed out</h1>${signIn(tenant)}`);

export const trouble = () => page(`<h1>Something is broken</h1><p>Try again in a moment.</p><a href="/">Back</a>`);
