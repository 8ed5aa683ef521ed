/** File name that the prelude's own stack frames carry; they say nothing to an author and are cut out of what he sees. */
export const PRELUDE_FILE = 'isolane:prelude'

/** The one global the prelude leaves behind for the host; gone before any user code runs. */
export const ATTACH_GLOBAL = '__isolaneAttach'

/**
 * Body of the closure that the host evaluates once in each fresh context:
 *
 *     context.evalClosureSync(ATTACH, [post, wasm], { result: { reference: true } })
 *
 * Takes the host's `post` and whether the function may have WebAssembly, which only a cell of its own can
 * hold to a limit; returns the guest's `entry(kind, call, text, body, extra)`. Everything that a snapshot
 * does not carry (the removals, names that appear only after it is restored) happens behind this one call.
 */
export const ATTACH = `'use strict';
const attach = globalThis.${ATTACH_GLOBAL};
if (typeof attach !== 'function') throw new TypeError('Cannot attach: this context has no prelude, or has been attached before');
delete globalThis.${ATTACH_GLOBAL};
return attach($0, $1);`
