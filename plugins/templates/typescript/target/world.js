// Writes the interfaces into build/wit as this plugin imports them. A target uses
// types of `monitor`, and the compiler would import its functions with them, which
// nobody provides.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';

cpSync('wit', 'build/wit', { recursive: true });
const monitor = 'build/wit/monitor.wit';
const functions = /(\n +\/\/\/.*)*\n +[a-z-]+: func\([^;]*;/g;
writeFileSync(monitor, readFileSync(monitor, 'utf8').replace(functions, ''));
