export * from './definition.ts';
export * from './errors.ts';
export * from './connection.ts';
