// A reverse proxy that passes everything through, except that it can change the SameSite attribute of cookies: it shows what
// a login would be like with other cookies than Postern sets.
//
// usage: PORT=… TARGET=http://127.0.0.1:… [SAME_SITE=Lax] node same-site-proxy.js
import { createServer, request } from "node:http";

const { PORT, TARGET, SAME_SITE } = process.env;

createServer((incoming, outgoing) => {
  const onwards = request(new URL(incoming.url, TARGET), { method: incoming.method, headers: incoming.headers });
  onwards.on("response", (answer) => {
    const headers = { ...answer.headers };
    if (SAME_SITE && headers["set-cookie"]) {
      headers["set-cookie"] = headers["set-cookie"].map((cookie) =>
        cookie.replace(/SameSite=\w+/i, `SameSite=${SAME_SITE}`),
      );
    }
    outgoing.writeHead(answer.statusCode, headers);
    answer.pipe(outgoing);
  });
  onwards.on("error", () => outgoing.writeHead(502).end());
  incoming.pipe(onwards);
}).listen(Number(PORT), "127.0.0.1");
