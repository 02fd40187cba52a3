// SPDX-License-Identifier: MIT
// How far a virtual board's estimate of its memory is off: small scripts and the built bundle, each
// booted from flash on the real interpreter and on a virtual board of the same kind, and asked for
// process.memory().usage. Prints a table; the bounds are wide, because the estimate is one.
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createBoard, createFlash, createVirtualClock } from "../../sim/index.ts";
import { CONFIG_FILE } from "../../firmware/wire/config.ts";
import { loadBundle } from "../../tools/lib/bundle.ts";
import { INTERPRETER, NO_INTERPRETER } from "../helpers/interpreter.ts";
import { runWithImage } from "../helpers/interpreter-image.ts";
import { quickConfig } from "../helpers/test-board.ts";
import { createStubNetwork } from "../sim/stub-network.ts";

/** Bounds: of each small script by itself in variables, of all in parts of a hundred. */
const OFF_BY_VARS = 60;
const OFF_BY_PERCENT = 25;

const ASK = `setTimeout(function(){print("= "+process.memory().usage);print("=END=")},300);`;

const SCRIPTS: Readonly<Record<string, string>> = {
  "nothing but the question": "",
  "numbers and texts": `var a=1,b=70000,c=1.5,d="short",e="a text of more than nine bytes",longerName=true;`,
  "200 numbers": `var list=[];for(var i=0;i<200;i++)list.push(i*100);`,
  "50 records": `var log=[];for(var i=0;i<50;i++)log.push({t:i,v:i/3,text:"entry "+i});`,
  "a nested configuration": `var config={wifi:{ssid:"my network",password:"secret text"},mqtt:{host:"broker.example",port:1883,topics:["a/b","c/d","e/f"]},limits:{low:-40,high:85,step:0.5}};`,
  "20 functions": Array.from(
    { length: 20 },
    (_, i) => `function work${i}(a,b){var sum=a+b;for(var i=0;i<10;i++)sum+=i;return sum*${i}}`,
  ).join("\n"),
  "a class with 20 instances": `class Point{constructor(x,y){this.x=x;this.y=y}add(p){return new Point(this.x+p.x,this.y+p.y)}size(){return Math.sqrt(this.x*this.x+this.y*this.y)}}
var points=[];for(var i=0;i<20;i++)points.push(new Point(i,i*2));`,
  "a closure of three functions": `var counter=(function(){var n=0,step=1;function up(){n+=step}function down(){n-=step}return{up:up,down:down,get:function(){return n}}})();`,
  "a factory called four times": `function createFilter(size){var sum=0,count=0;function add(v){sum+=v;count++;if(count>size){sum=v;count=1}}function mean(){return sum/count}return{add:add,mean:mean}}
var a=createFilter(4),b=createFilter(8),c=createFilter(16),d=createFilter(32);`,
  "ten timers": `function tick(){}for(var i=0;i<10;i++)setInterval(tick,60000);`,
  "20 listeners": `var bus={};function heard(){}for(var i=0;i<20;i++)bus.on("event"+i,heard);`,
  "typed arrays": `var a=new Uint8Array(256),b=new Uint16Array(100),c=new Float32Array(64),d=new Uint8Array(10);`,
  "5 KB of text": `var text="";for(var i=0;i<500;i++)text+="0123456789";`,
  "a sensor": `var pins={sda:21,scl:22},readings=[],alarm=null;
function read(){var t=20+5*Math.sin(readings.length/10);readings.push(Math.round(t*10)/10);if(readings.length>30)readings.shift();check(t)}
function check(t){if(t>24&&!alarm){alarm={at:Date.now(),t:t};print("alarm")}if(t<22)alarm=null}
function report(){return JSON.stringify({n:readings.length,last:readings[readings.length-1],alarm:alarm})}
for(var i=0;i<30;i++)read();setInterval(read,60000);`,
};

async function onInterpreter(files: Readonly<Record<string, string>>): Promise<number> {
  const flash = createFlash({ totalBytes: 256 * 1024, pageBytes: 1024 });
  for (const [name, data] of Object.entries(files)) flash.write(name, data);
  const { lines } = await runWithImage(flash.image(), null);
  return Number(lines.at(-1));
}

function onVirtualBoard(files: Readonly<Record<string, string>>): number {
  const lines: string[] = [];
  const clock = createVirtualClock();
  const board = createBoard({
    clock,
    network: Object.assign(createStubNetwork(), { failure: "refused" as const }),
    seed: 1,
    profile: "linux",
    onPrint: (line) => lines.push(line),
  });
  for (const [name, data] of Object.entries(files)) board.flash.write(name, data);
  board.powerOn();
  clock.run(clock.now() + 500);
  board.powerOff();
  return Number(lines.find((line) => line.startsWith("= "))?.slice(2));
}

interface Row {
  name: string;
  real: number;
  estimate: number;
}

describe("memory estimate", () => {
  const rows: Row[] = [];
  beforeEach(({ skip }) => skip(INTERPRETER === undefined, NO_INTERPRETER));
  beforeAll(async () => {
    if (!INTERPRETER) return;
    const cases = { ...SCRIPTS, "the bundle, whose broker refuses": loadBundle().text };
    // Nobody listens at port 1.
    const config = quickConfig({ urls: "mqtt://127.0.0.1:1" });
    for (const [name, script] of Object.entries(cases)) {
      const files = {
        [CONFIG_FILE]: config,
        ".boot0": ASK,
        ...(script && { ".bootcde": script }),
      };
      rows.push({ name, real: await onInterpreter(files), estimate: onVirtualBoard(files) });
    }
    for (const { name, real, estimate } of rows) {
      const percent = (((estimate - real) / real) * 100).toFixed(0);
      console.log(
        `${name.padEnd(42)} ${String(real).padStart(6)} ${String(estimate).padStart(6)} ${percent.padStart(5)} %`,
      );
    }
  });

  it("is near the interpreter's count for small scripts", () => {
    for (const { name, real, estimate } of rows.slice(0, -1)) {
      const off = Math.abs(estimate - real);
      expect(off, `${name}: ${estimate} for ${real}`).toBeLessThan(
        Math.max(OFF_BY_VARS, (real * OFF_BY_PERCENT) / 100),
      );
    }
  });

  it("is near it for the bundle", () => {
    const { real, estimate } = rows.at(-1) as Row;
    expect(Math.abs(estimate - real) / real).toBeLessThan(OFF_BY_PERCENT / 100);
  });
});
