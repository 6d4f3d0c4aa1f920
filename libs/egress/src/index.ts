export { type CanonicalHost, canonicalHost } from './address.ts';
export { type AddressKind, kindOf } from './classify.ts';
export { type DialOptions, type Resolve, dial } from './dial.ts';
export { EgressError, type EgressErrorCode, type EgressPolicy, checkHost, parseAllow } from './policy.ts';
