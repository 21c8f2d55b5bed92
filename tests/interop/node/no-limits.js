// The package gives most of its tests 2 seconds, which a worker's start can exceed on a busy machine. What hangs still
// ends: at jest's own limit, in jest.config.json.
const withLimit = global.test;

global.test = Object.assign((name, run) => withLimit(name, run), withLimit);
