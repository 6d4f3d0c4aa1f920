export * from './bus.ts';
export * from './config-state.ts';
export * from './ids.ts';
export * from './integration-types.ts';
export * from './operations.ts';
export * from './partition.ts';
export * from './subjects.ts';
