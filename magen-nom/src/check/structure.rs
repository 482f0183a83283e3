//! What types contain: which contain themselves, where a box breaks that up, and what can be derived.
//!
//! Structs and unions are the nodes of a graph, and a type inside another is an edge of one of three strengths: directly,
//! through an optional, or through an array or map on the heap. Components are found with Tarjan's algorithm ("Depth-first
//! search and linear graph algorithms", 1972), on an explicit stack: how deep types nest is the file's business.

use super::Checker;
use super::names::Kind;
use crate::ast;
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::model::{Item, ItemRef, Model, Traits, Type};
use crate::span::{FileId, Span};
use crate::types::Scalar;

/// How a type stands inside another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    /// As itself, or in an array of fixed length.
    Direct,
    /// In an optional.
    Optional,
    /// In an array of any length or a map.
    Heap,
}

/// A struct or union inside another, through its member at `member`.
#[derive(Debug, Clone, Copy)]
struct Edge {
    to: usize,
    member: usize,
    strength: Strength,
}

#[derive(Debug, Default)]
struct Graph {
    items: Vec<ItemRef>,
    edges: Vec<Vec<Edge>>,
    /// What holds of the item by itself.
    own: Vec<Traits>,
}

impl Checker<'_> {
    /// Completes the model with boxes and traits, and complains about types of infinite size.
    pub(super) fn structure(&self, model: &mut Model) {
        let graph = Graph::of(model);
        let infinite = graph.components(Strength::Direct);
        self.complain(&graph, &infinite);
        let sized = graph.components(Strength::Optional);
        let whole = graph.components(Strength::Heap);
        let traits = graph.traits(&whole);
        let component_of = |item: ItemRef| graph.node(item).map(|node| sized.of[node]);
        for (node, item) in graph.items.iter().enumerate() {
            let inside = |other: ItemRef| component_of(other) == Some(sized.of[node]);
            match &mut model.files[item.file.0].items[item.index] {
                Item::Struct(found) => {
                    found.traits = traits[node];
                    found.fields.iter_mut().for_each(|field| add_boxes(&mut field.ty, &inside));
                }
                Item::Union(found) => {
                    found.traits = traits[node];
                    found.members.iter_mut().for_each(|member| add_boxes(&mut member.ty, &inside));
                }
                Item::Interface(_) | Item::Enum(_) | Item::Const(_) => {}
            }
        }
    }

    fn complain(&self, graph: &Graph, components: &Components) {
        for members in components.cyclic(graph, Strength::Direct) {
            let cycle = graph.cycle(&members, components);
            let Some((first, _)) = cycle.first() else { continue };
            let item = graph.items[*first];
            let name = self.names.declaration(item).name.text;
            let message = format!("the type `{name}` contains itself and would be infinitely large");
            let mut said = Diagnostic::error(Code::Recursive, self.names.place(item), message).label("contains itself");
            for (node, member) in cycle.iter().take(8) {
                let place = self.member_place(graph.items[*node], *member);
                said = said.also(place, if cycle.len() == 1 { "here" } else { "by this" });
            }
            if let Some((node, member)) = cycle.last() {
                let place = self.member_place(graph.items[*node], *member);
                let end = Place { file: place.file, span: Span::at(place.span.end) };
                said = said.suggest("an optional, an array or a map may be empty and ends the chain", end, "?");
            }
            self.say(said);
        }
    }

    /// Where the type of a member is written.
    fn member_place(&self, item: ItemRef, member: usize) -> Place {
        let declaration = self.names.declaration(item);
        let written: &[ast::Field<'_>] = match declaration.kind {
            Kind::Struct(written) => &written.fields,
            Kind::Union(written) => &written.members,
            Kind::Interface(_) | Kind::Enum(_) | Kind::Const(_) => &[],
        };
        let span = written.get(member).map_or(declaration.name.span, |field| field.ty.span);
        Place { file: item.file, span }
    }
}

fn add_boxes(ty: &mut Type, inside: &impl Fn(ItemRef) -> bool) {
    match ty {
        Type::Optional(inner) => {
            add_boxes(inner, inside);
            if directly(inner).is_some_and(inside) {
                **inner = Type::Boxed(inner.clone());
            }
        }
        Type::Array { element, .. } => add_boxes(element, inside),
        Type::Map { value, .. } => add_boxes(value, inside),
        Type::Scalar(_)
        | Type::String { .. }
        | Type::Bytes { .. }
        | Type::Boxed(_)
        | Type::PendingRemote(_)
        | Type::PendingReceiver(_)
        | Type::Handle(_)
        | Type::SharedBuffer
        | Type::MessagePipe
        | Type::Struct(_)
        | Type::Enum(_)
        | Type::Union(_) => {}
    }
}

/// The struct or union that stands in the type without anything between, if any.
fn directly(ty: &Type) -> Option<ItemRef> {
    match ty {
        Type::Struct(item) | Type::Union(item) => Some(*item),
        Type::Array { element, length: Some(_) } => directly(element),
        Type::Array { length: None, .. }
        | Type::Scalar(_)
        | Type::String { .. }
        | Type::Bytes { .. }
        | Type::Map { .. }
        | Type::Optional(_)
        | Type::Boxed(_)
        | Type::PendingRemote(_)
        | Type::PendingReceiver(_)
        | Type::Handle(_)
        | Type::SharedBuffer
        | Type::MessagePipe
        | Type::Enum(_) => None,
    }
}

impl Graph {
    fn of(model: &Model) -> Self {
        let mut graph = Self::default();
        for (file, lowered) in model.files.iter().enumerate() {
            let indices = lowered.items.iter().enumerate();
            let nodes = indices.filter(|(_, item)| matches!(item, Item::Struct(_) | Item::Union(_)));
            graph.items.extend(nodes.map(|(index, _)| ItemRef { file: FileId(file), index }));
        }
        for item in graph.items.clone() {
            let mut edges = Vec::new();
            let mut own = Traits { is_data: true, is_total: true, is_recursive: false };
            let types: Vec<&Type> = match model.item(item) {
                Item::Struct(found) => found.fields.iter().map(|field| &field.ty).collect(),
                Item::Union(found) => found.members.iter().map(|member| &member.ty).collect(),
                Item::Interface(_) | Item::Enum(_) | Item::Const(_) => Vec::new(),
            };
            for (member, ty) in types.into_iter().enumerate() {
                graph.walk(ty, member, Strength::Direct, &mut edges, &mut own);
            }
            graph.edges.push(edges);
            graph.own.push(own);
        }
        graph
    }

    /// Items stand in order, by file and index.
    fn node(&self, item: ItemRef) -> Option<usize> {
        self.items.binary_search(&item).ok()
    }

    /// Types nest at most as deep as the parser lets them: recursion is bounded.
    fn walk(&self, ty: &Type, member: usize, strength: Strength, edges: &mut Vec<Edge>, own: &mut Traits) {
        match ty {
            Type::Struct(item) | Type::Union(item) => {
                edges.extend(self.node(*item).map(|to| Edge { to, member, strength }));
            }
            Type::Optional(inner) | Type::Boxed(inner) => {
                self.walk(inner, member, strength.max(Strength::Optional), edges, own);
            }
            Type::Array { element, length: Some(_) } => self.walk(element, member, strength, edges, own),
            Type::Array { element, length: None } => self.walk(element, member, Strength::Heap, edges, own),
            Type::Map { key, value } => {
                self.walk(key, member, Strength::Heap, edges, own);
                self.walk(value, member, Strength::Heap, edges, own);
            }
            Type::Scalar(Scalar::F32 | Scalar::F64) => own.is_total = false,
            Type::Scalar(_) | Type::String { .. } | Type::Bytes { .. } | Type::Enum(_) => {}
            Type::PendingRemote(_)
            | Type::PendingReceiver(_)
            | Type::Handle(_)
            | Type::SharedBuffer
            | Type::MessagePipe => {
                own.is_data = false;
                own.is_total = false;
            }
        }
    }

    /// The strongly connected components over the edges of at most this strength.
    fn components(&self, strength: Strength) -> Components {
        let mut tarjan = Tarjan::new(self, strength);
        for node in 0..self.items.len() {
            tarjan.visit(node);
        }
        tarjan.found
    }

    /// Components come after those that they contain: what is known of those is complete.
    fn traits(&self, whole: &Components) -> Vec<Traits> {
        let mut traits = self.own.clone();
        for members in &whole.members {
            let mut sum =
                Traits { is_data: true, is_total: true, is_recursive: is_cyclic(self, members, Strength::Heap) };
            for node in members {
                let inside = self.edges[*node].iter().map(|edge| traits[edge.to]);
                for part in inside.chain([self.own[*node]]) {
                    sum.is_data &= part.is_data;
                    sum.is_total &= part.is_total;
                }
            }
            members.iter().for_each(|node| traits[*node] = sum);
        }
        traits
    }

    /// A way from a member of a component back to itself, as nodes and the member of each that leads on.
    fn cycle(&self, members: &[usize], components: &Components) -> Vec<(usize, usize)> {
        let Some(start) = members.iter().min() else { return Vec::new() };
        let mut way: Vec<(usize, usize)> = Vec::new();
        let mut place_on_way = std::collections::HashMap::new();
        let mut node = *start;
        loop {
            if let Some(place) = place_on_way.insert(node, way.len()) {
                return way.split_off(place);
            }
            let component = components.of[node];
            let onward = self.edges[node]
                .iter()
                .find(|edge| edge.strength == Strength::Direct && components.of[edge.to] == component);
            let Some(edge) = onward else { return Vec::new() };
            way.push((node, edge.member));
            node = edge.to;
        }
    }
}

fn is_cyclic(graph: &Graph, members: &[usize], strength: Strength) -> bool {
    match members {
        [only] => graph.edges[*only].iter().any(|edge| edge.to == *only && edge.strength <= strength),
        _ => true,
    }
}

#[derive(Debug, Default)]
struct Components {
    /// The component of each node.
    of: Vec<usize>,
    /// The nodes of each component; a component comes after all that it leads to.
    members: Vec<Vec<usize>>,
}

impl Components {
    fn cyclic<'a>(&'a self, graph: &'a Graph, strength: Strength) -> impl Iterator<Item = Vec<usize>> + 'a {
        self.members.iter().filter(move |members| is_cyclic(graph, members, strength)).cloned()
    }
}

const UNVISITED: usize = usize::MAX;

struct Tarjan<'a> {
    graph: &'a Graph,
    strength: Strength,
    order: Vec<usize>,
    low: Vec<usize>,
    open: Vec<usize>,
    is_open: Vec<bool>,
    next: usize,
    found: Components,
}

impl<'a> Tarjan<'a> {
    fn new(graph: &'a Graph, strength: Strength) -> Self {
        let count = graph.items.len();
        Self {
            graph,
            strength,
            order: vec![UNVISITED; count],
            low: vec![0; count],
            open: Vec::new(),
            is_open: vec![false; count],
            next: 0,
            found: Components { of: vec![0; count], members: Vec::new() },
        }
    }

    fn enter(&mut self, node: usize) {
        self.order[node] = self.next;
        self.low[node] = self.next;
        self.next += 1;
        self.open.push(node);
        self.is_open[node] = true;
    }

    fn visit(&mut self, start: usize) {
        if self.order[start] != UNVISITED {
            return;
        }
        self.enter(start);
        // The nodes on the way, and how many edges of each were followed.
        let mut way = vec![(start, 0)];
        while let Some((node, followed)) = way.last_mut() {
            let node = *node;
            let Some(edge) = self.graph.edges[node].get(*followed).copied() else {
                way.pop();
                self.leave(node);
                if let Some((parent, _)) = way.last() {
                    self.low[*parent] = self.low[*parent].min(self.low[node]);
                }
                continue;
            };
            *followed += 1;
            if edge.strength > self.strength {
                continue;
            }
            if self.order[edge.to] == UNVISITED {
                self.enter(edge.to);
                way.push((edge.to, 0));
            } else if self.is_open[edge.to] {
                self.low[node] = self.low[node].min(self.order[edge.to]);
            }
        }
    }

    fn leave(&mut self, node: usize) {
        if self.low[node] != self.order[node] {
            return;
        }
        let mut members = Vec::new();
        while let Some(member) = self.open.pop() {
            self.is_open[member] = false;
            self.found.of[member] = self.found.members.len();
            members.push(member);
            if member == node {
                break;
            }
        }
        self.found.members.push(members);
    }
}
