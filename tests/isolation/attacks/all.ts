import { afterTheReply } from './after-the-reply.ts'
import type { Subject } from './attack.ts'
import { builtins } from './builtins.ts'
import { crossing } from './crossing.ts'
import { endless } from './endless.ts'
import { floodsOfMessages } from './floods.ts'
import { gone } from './gone.ts'
import { insideTheCell } from './inside-the-cell.ts'
import { loading } from './loading.ts'
import { memory } from './memory.ts'
import { neighbours } from './neighbours.ts'
import { outside } from './outside.ts'
import { platformApis } from './platform-apis.ts'
import { poisons } from './poison.ts'
import { state } from './state.ts'
import { traps } from './traps.ts'
import { waiting } from './waiting.ts'
import { wasm } from './wasm.ts'

export const SUBJECTS: readonly Subject[] = [
  { title: 'endless computing', attacks: endless },
  { title: 'builtins that do not look up', attacks: builtins },
  { title: 'memory', attacks: memory },
  { title: 'waiting for ever', attacks: waiting },
  { title: 'floods of messages, logs and timers', attacks: floodsOfMessages },
  { title: 'results and errors with traps', attacks: traps },
  { title: 'poisoned prototypes and intrinsics', attacks: poisons },
  { title: 'code at load', attacks: loading },
  { title: 'globals that must be gone', attacks: gone },
  { title: 'reaching across calls', attacks: crossing },
  { title: 'the classes of the Web', attacks: platformApis },
  { title: 'requests to the outside', attacks: outside },
  { title: 'key-value state', attacks: state },
  { title: 'functions calling functions', attacks: neighbours },
  { title: 'streams, and what comes after the reply', attacks: afterTheReply },
  { title: 'crypto, compression and source maps', attacks: insideTheCell },
  { title: 'WebAssembly', attacks: wasm },
]
