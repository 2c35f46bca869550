/** Views to HTML. A view is the content of a page; `layout.ejs` puts the frame round it, unless only the fragment was asked for. */
import path from 'node:path';
import { readFileSync } from 'node:fs';
import ejs from 'ejs';

export type Renderer = (view: string, locals: object) => string;

/** `cache` false reads a view again each time, for work on the views. */
export function createRenderer(viewsFolder: string, cache: boolean): Renderer {
  const compiled = new Map<string, ejs.TemplateFunction>();
  return (view, locals) => {
    let template = compiled.get(view);
    if (!template) {
      const filename = path.join(viewsFolder, `${view}.ejs`);
      template = ejs.compile(readFileSync(filename, 'utf8'), { filename, cache, strict: true, localsName: 'it', rmWhitespace: false });
      if (cache) compiled.set(view, template);
    }
    return template({ ...locals });
  };
}
