// Everything that the app keeps, in one SQLite file. Any database will do that several processes can share.
import { DatabaseSync } from "node:sqlite";
import { settings } from "./settings.js";

export const database = new DatabaseSync(settings.database);

database.exec(`
  PRAGMA journal_mode = WAL;
  PRAGMA busy_timeout = 5000;

  -- One row for each person. "sub" is what Postern calls them for good; none: an account that has only a password so far.
  CREATE TABLE IF NOT EXISTS accounts (
    id INTEGER PRIMARY KEY, sub TEXT UNIQUE, tenant TEXT, email TEXT NOT NULL, name TEXT,
    role TEXT NOT NULL, role_source TEXT, team TEXT, password TEXT
  );
  -- People who signed in and are asked whether an account is theirs.
  CREATE TABLE IF NOT EXISTS questions (
    token TEXT PRIMARY KEY, account INTEGER NOT NULL, claims TEXT NOT NULL, tries INTEGER NOT NULL, expires INTEGER NOT NULL
  );
  -- The tokens of each session. They are not in the cookie: see sessions.js.
  CREATE TABLE IF NOT EXISTS tokens (
    sid TEXT PRIMARY KEY, access_token TEXT NOT NULL, expires INTEGER NOT NULL, refresh_token TEXT, id_token TEXT NOT NULL,
    asked INTEGER NOT NULL, over INTEGER NOT NULL
  );
  -- Sessions that ended before their cookies: one by its name, or all of a person that began before a moment.
  CREATE TABLE IF NOT EXISTS ended (
    sid TEXT, sub TEXT, before INTEGER, forget INTEGER NOT NULL
  );
`);

export const seconds = () => Math.floor(Date.now() / 1000);
