/** What `import query from './query.sql'` gives in a DAG file: its text. No import or export here, so that these hold everywhere. */
declare module '*.sql' {
  const text: string;
  export default text;
}
declare module '*.md' {
  const text: string;
  export default text;
}
declare module '*.txt' {
  const text: string;
  export default text;
}
declare module '*.html' {
  const text: string;
  export default text;
}
declare module '*.csv' {
  const text: string;
  export default text;
}
