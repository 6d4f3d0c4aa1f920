export * from './application.ts';
export * from './credential.ts';
export * from './error.ts';
export type { Present } from './fact.ts';
export * from './flow-errors.ts';
export * from './flow-version.ts';
export * from './integration.ts';
export * from './token.ts';
export * from './workflow.ts';
