// Connects to the URL given with the original protoo-client and does what each line of standard input says:
// {"do":"request"|"notify","method":…,"data":…}. Prints one JSON line for everything that happens.
const readline = require('node:readline');
const { Peer, WebSocketTransport } = require('protoo-client');

const say = (event, body = {}) => process.stdout.write(`${JSON.stringify({ event, ...body })}\n`);
const retry = { retries: 3, factor: 1, minTimeout: 20, maxTimeout: 20 };
const peer = new Peer(new WebSocketTransport(process.argv[2], { retry }));

for (const name of ['open', 'disconnected', 'close']) peer.on(name, () => say(name));
peer.on('failed', (attempt) => say('failed', { attempt }));
peer.on('notification', ({ method, data }) => say('notification', { method, data }));
peer.on('request', (request, accept, reject) => {
  if (request.method === 'refuse') reject(403, 'I do not want to');
  else accept({ method: request.method, data: request.data });
});

readline.createInterface({ input: process.stdin }).on('line', async (line) => {
  const { do: what, method, data } = JSON.parse(line);
  if (what === 'notify') return peer.notify(method, data);
  try {
    say('answer', { data: await peer.request(method, data) });
  } catch (error) {
    say('error', { code: error.code, reason: error.message });
  }
}).on('close', () => process.exit());
