/** Fails: callers get 502; whoever owns it also gets the message and the stack. */
export default function throws(): never {
  throw new RangeError('this function always fails')
}
