// Says what an access token is worth that comes on standard input: node introspect.js < token
import { text } from "node:stream/consumers";
import { introspect } from "./postern.js";

const told = await introspect((await text(process.stdin)).trim());
console.log(JSON.stringify(told));
process.exitCode = told ? 0 : 1;
