// Makes an account of the time before single sign-on, with the password that comes on standard input:
//   node --env-file=.env sign-up.js EMAIL [TENANT] < password
import { text } from "node:stream/consumers";
import { signUp } from "./accounts.js";

const [email, tenant] = process.argv.slice(2);
signUp({ email, tenant, password: (await text(process.stdin)).trim() });
