// Answers questions about mediasoup's ortc, one JSON object a line: {"call": name, "with": [arguments]} is answered by
// {"ok": result, "with": [arguments, which the call may have changed]}, or {"error": class, "message": text}.
const path = require('node:path');
const readline = require('node:readline');

const lib = path.join(__dirname, 'node_modules', 'mediasoup', 'node', 'lib');
const ortc = require(path.join(lib, 'ortc.js'));
const { parse } = require(path.join(lib, 'scalabilityModes.js'));
const calls = { ...ortc, parseScalabilityMode: parse };

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const question = JSON.parse(line);
  let answer;

  try {
    answer = { ok: calls[question.call](...question.with), with: question.with };
  } catch (error) {
    answer = { error: error.constructor.name, message: error.message };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
});
