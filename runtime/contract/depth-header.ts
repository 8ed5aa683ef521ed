/**
 * On every request that a function makes to the outside: how many functions stand behind it (the invocation's depth and
 * one). A function cannot set or remove it. Where such a request comes back in through a gateway it goes on counting, so
 * that a ring of functions that fetch each other ends where one that calls each other would.
 */
export const DEPTH_HEADER = 'isolane-depth'
