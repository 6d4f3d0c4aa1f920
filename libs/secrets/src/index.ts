export { CredentialError, openCredential } from './credential.ts';
export { DataKeys } from './data-keys.ts';
export * from './error.ts';
export * from './fields.ts';
export { DataKey, SecretKeys } from './keys.ts';
export * from './master-key.ts';
export * from './seal.ts';
