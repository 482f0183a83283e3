//! A call is answered once.
include!("../../../magen-nom/tests/golden/generate/calculator.rs");

fn answer(request: CalculatorRequest) {
    if let CalculatorRequest::Add { a, b, reply } = request {
        reply.send(a + b);
        reply.send(a + b);
    }
}

fn main() {
    let _ = answer;
}
