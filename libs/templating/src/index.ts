/**
 * Templates, expressions and payload paths. Pure: no clock of its own, no I/O. Own properties and listed helpers only; bounded in
 * length, depth and steps. Parsed templates and expressions are kept in an LRU.
 */
export { TemplateError, type RenderOptions } from './error.ts';
export { getPath, parsePath, removePath, setPath } from './path.ts';
export { referencesOf } from './references.ts';
export { evaluate, expressionIssue, render, renderJson, renderValue, templateIssue } from './render.ts';
